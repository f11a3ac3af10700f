import { hiddenField, type Visited, Visitor } from './account-visitor.ts'
import { AuthenticatorApp } from './authenticator-app.ts'

/** Reads the page with the key, and gives what its form asks for. */
export function readSetUp({ text }: Visited) {
  const key = /<p class="secret">([A-Z2-7 ]+)<\/p>/.exec(text)?.[1] ?? ''
  const fields = { form: hiddenField(text, 'form'), key: hiddenField(text, 'key') }
  return { key, app: new AuthenticatorApp(key), fields }
}

/** The recovery codes a page shows. */
export function codesIn({ text }: Visited): readonly string[] {
  return [...text.matchAll(/<li>([0-9a-z-]{34})<\/li>/g)].map(([, code = '']) => code)
}

/** Somebody signs in and sets her app up: the code after the present one is still good. */
export async function addAuthenticator(
  url: string,
  who: { readonly username: string; readonly password: string },
): Promise<{ readonly app: AuthenticatorApp; readonly codes: readonly string[] }> {
  const visitor = new Visitor(url)
  await visitor.submit('/account/sign-in', who)
  const path = '/account/second-factor/new'
  const { app, fields } = readSetUp(await visitor.open(path))
  return { app, codes: codesIn(await visitor.submit(path, { ...fields, code: app.code() })) }
}
