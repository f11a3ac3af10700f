import { runTool } from './run-tool.ts'

/** What FreeRADIUS's client says of the one packet it sends to a port of loopback. */
export async function radclient(
  { port, secret }: { readonly port: number; readonly secret: string },
  what: 'auth' | 'acct',
  attributes: string,
): Promise<string> {
  const args = ['-x', '-r', '1', '-t', '8', `127.0.0.1:${port}`, what, secret]
  return (await runTool('radclient', args, attributes)).output
}
