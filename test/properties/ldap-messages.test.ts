import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import {
  decodeMessage,
  encodeMessage,
  LdapError,
  type Operation,
  parseFilter,
} from '../../protocols/ldap/index.ts'
import { fuzzInputs, fuzzSeed, mutants } from '../support/mutate.ts'
import { readVectors } from '../support/vector-file.ts'

const USUAL_INPUTS = 100_000
const FEWEST_DECODED = 1 / 5
const FEWEST_REFUSALS = 20
/** Valid messages are picked this many times as often as those that are refused as they stand. */
const VALID_WEIGHT = 5

/** Messages of ordinary length, which the vectors, made to show one thing each, are not. */
function ordinaryMessages(): Buffer[] {
  const names = ['uid', 'cn', 'mail', 'memberOf', 'userCertificate;binary', 'modifyTimestamp']
  const operations: Operation[] = [
    {
      kind: 'searchRequest',
      baseObject: 'ou=people,dc=contoso,dc=example',
      scope: 'sub',
      derefAliases: 0,
      sizeLimit: 0,
      timeLimit: 6,
      typesOnly: false,
      filter: parseFilter(
        '(&(uid=adele.vance)(objectclass=posixAccount)(uid=*)(&(uidNumber=*)(!(uidNumber=0))))',
      ),
      attributes: names,
    },
    {
      kind: 'searchResultEntry',
      objectName: 'cn=sales,ou=groups,dc=contoso,dc=example',
      attributes: names.map((type) => ({
        type,
        values: [Buffer.from(`${type} of Adélé`), Buffer.from('another')],
      })),
    },
    {
      kind: 'addRequest',
      entry: 'uid=grady.archie,ou=people,dc=contoso,dc=example',
      attributes: names.map((type) => ({ type, values: [Buffer.from(`a value of ${type}`)] })),
    },
  ]
  return operations.map((operation, at) =>
    encodeMessage({ messageId: 1_000 + at, operation, controls: [] }),
  )
}

function corpus(): Buffer[] {
  const bytesOf = (file: string) => readVectors(`ldap/${file}.txt`).map(({ decode }) => decode)
  const valid = [...bytesOf('requests'), ...bytesOf('responses'), ...ordinaryMessages()]
  const refused = bytesOf('refused').filter(({ length }) => length > 0)
  return [...Array.from({ length: VALID_WEIGHT }, () => valid).flat(), ...refused]
}

await t.test(
  'LDAPMessage: mutants are refused, or encode to what decodes to an equal value',
  async (t) => {
    const seed = fuzzSeed()
    const inputs = fuzzInputs(USUAL_INPUTS)
    const refusals = new Set<string>()
    let decoded = 0
    for (const input of mutants(corpus(), seed, inputs)) {
      try {
        const message = decodeMessage(input)
        decoded++
        if (isDeepStrictEqual(decodeMessage(encodeMessage(message)), message)) continue
        t.ok(false, `another value, seed ${seed}: ${input.toString('hex')}`)
        return
      } catch (error) {
        if (error instanceof LdapError) {
          refusals.add(error.message)
          continue
        }
        t.ok(false, `${error}, seed ${seed}: ${input.toString('hex')}`)
        return
      }
    }
    const summary = `${decoded} of ${inputs} decoded, ${refusals.size} kinds of refusal, seed ${seed}`
    t.ok(decoded >= inputs * FEWEST_DECODED, summary)
    t.ok(refusals.size >= FEWEST_REFUSALS, summary)
  },
)
