import { createHash, X509Certificate } from 'node:crypto'
import { ConfidentialClientApplication, type Configuration } from '@azure/msal-node'
import { Client, GraphError, PageIterator } from '@microsoft/microsoft-graph-client'

/**
 * Microsoft's own libraries, unmodified, against the simulator. Run as a process of its own, because
 * the CA it is to trust (NODE_EXTRA_CA_CERTS) is read at a process's start. Prints JSON.
 */
interface Given {
  readonly loginUrl: string
  readonly graphUrl: string
  readonly controlUrl: string
  readonly tenantId: string
  readonly clientId: string
  readonly clientSecret: string
  readonly certificatePem: string
  readonly keyPem: string
}

const given = JSON.parse(process.env['WITNESS'] ?? '{}') as Given

function makeApplication(proof: Partial<Configuration['auth']>): ConfidentialClientApplication {
  return new ConfidentialClientApplication({
    auth: {
      clientId: given.clientId,
      authority: `${given.loginUrl}/${given.tenantId}`,
      knownAuthorities: [new URL(given.loginUrl).host],
      ...proof,
    },
  })
}

async function acquire(application: ConfidentialClientApplication): Promise<string> {
  const scopes = ['https://graph.microsoft.com/.default']
  const result = await application.acquireTokenByClientCredential({ scopes, skipCache: true })
  return result?.accessToken ?? ''
}

async function control(path: string, body: object): Promise<void> {
  const response = await fetch(given.controlUrl + path, {
    method: 'POST',
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(await response.text())
}

async function refusalOf(work: Promise<unknown>): Promise<object> {
  try {
    await work
    return {}
  } catch (error) {
    if (error instanceof GraphError) {
      const { statusCode, code, requestId } = error
      const location: unknown = error.headers?.get('location')
      return { statusCode, code, hasRequestId: requestId !== null, location }
    }
    const { errorCode, errorNo } = error as { errorCode?: string; errorNo?: string }
    return { errorCode, errorNo }
  }
}

async function witness(): Promise<object> {
  const bySecret = makeApplication({ clientSecret: given.clientSecret })
  const thumbprintSha256 = createHash('sha256')
    .update(new X509Certificate(given.certificatePem).raw)
    .digest('hex')
  const byCertificate = makeApplication({
    clientCertificate: { thumbprintSha256, privateKey: given.keyPem },
  })
  // Twice: the library presents the same assertion again.
  const certificateTokens = [await acquire(byCertificate), await acquire(byCertificate)]
  const client = Client.init({
    baseUrl: given.graphUrl,
    customHosts: new Set([new URL(given.graphUrl).hostname]),
    authProvider: (done) => {
      acquire(bySecret).then(
        (token) => done(null, token),
        (error: unknown) => done(error, null),
      )
    },
  })
  const people: string[] = []
  const firstPage = await client.api('/users').select(['id', 'displayName']).top(100).get()
  await new PageIterator(client, firstPage, (user: { displayName: string }) => {
    people.push(user.displayName)
    return true
  }).iterate()
  let round = await client.api('/users/delta').select('id,displayName').get()
  let told = round.value.length
  while (round['@odata.nextLink']) {
    round = await client.api(round['@odata.nextLink']).get()
    told += round.value.length
  }
  const deltaLink: string = round['@odata.deltaLink']
  await control('/changes', {
    op: 'update',
    id: 'lee.gu@contoso.example',
    properties: { displayName: 'Lee G.' },
  })
  const changes = (await client.api(deltaLink).get()).value
  await control('/faults', { fault: 'gone', times: 1 })
  const gone = await refusalOf(client.api(deltaLink).get())
  await control('/faults', { fault: 'status', status: 429, retryAfterSeconds: 1, times: 1 })
  const afterThrottling = (await client.api('/organization').get()).value[0].displayName
  return {
    certificateTokens: certificateTokens.map((token) => token.split('.').length),
    people: people.length,
    told,
    changes,
    gone,
    afterThrottling,
    forbidden: await refusalOf(client.api('/domains').get()),
    unknown: await refusalOf(client.api('/users').select('shoeSize').get()),
    missing: await refusalOf(client.api('/users/nobody@contoso.example').get()),
    wrongSecret: await refusalOf(acquire(makeApplication({ clientSecret: 'wrong' }))),
    count: await client.api('/users/$count').header('ConsistencyLevel', 'eventual').get(),
  }
}

process.stdout.write(JSON.stringify(await witness()))
