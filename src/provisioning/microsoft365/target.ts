import type { EditableAttribute } from '../../directory/attributes.ts'
import { isLicenceWrite, type LicenceWrite, licenceOf } from '../licence.ts'
import { groupOf, isMemberWrite } from '../membership.ts'
import type {
  Attribute,
  Held,
  MemberWrite,
  Refusal,
  Target,
  Write,
  WriteAnswer,
} from '../target.ts'
import {
  answerOf,
  describe,
  type GraphCalls,
  type GraphError,
  type GraphReply,
  groupPath,
  userPath,
} from './graph.ts'
import { hasLicence, readHeldLicences, writeLicence } from './licences.ts'

/** Graph's names for what is mastered here. */
const PROPERTIES: Readonly<Record<EditableAttribute, string>> = {
  userPrincipalName: 'userPrincipalName',
  mail: 'mail',
  displayName: 'displayName',
  givenName: 'givenName',
  surname: 'surname',
  jobTitle: 'jobTitle',
  department: 'department',
  companyName: 'companyName',
  officeLocation: 'officeLocation',
  employeeId: 'employeeId',
  employeeType: 'employeeType',
  mobilePhone: 'mobilePhone',
  businessPhone: 'businessPhones',
  streetAddress: 'streetAddress',
  city: 'city',
  region: 'state',
  postalCode: 'postalCode',
  country: 'country',
  preferredLanguage: 'preferredLanguage',
}
const SELECT = [
  'id',
  'accountEnabled',
  'signInSessionsValidFromDateTime',
  ...Object.values(PROPERTIES),
].join(',')
const ON_PREMISES = /on-premises mastered/i

/** The accounts of a Microsoft 365 tenant. */
export class Microsoft365Target implements Target {
  readonly #urgent: GraphCalls
  readonly #graph: GraphCalls

  /** @param bulk for all that ends nothing somebody could still do there; it may gather and wait */
  constructor(urgent: GraphCalls, bulk: GraphCalls = urgent) {
    this.#urgent = urgent
    this.#graph = bulk
  }

  async read(externalId: string, signal: AbortSignal, about?: Attribute): Promise<Held | null> {
    const sku = about === undefined ? null : licenceOf(about)
    const select = sku === null ? SELECT : `${SELECT},licenseAssignmentStates`
    const query = `?$select=${select}&$expand=manager($select=id)`
    const reply = await this.#graph.get(`${userPath(externalId)}${query}`, signal)
    if (reply.kind === 'error' && reply.status === 404) return null
    if (reply.kind !== 'ok') throw new Error(`the account could not be read: ${describe(reply)}`)
    const { accountEnabled, signInSessionsValidFromDateTime: validFrom } = reply.body
    const groupId = about === undefined ? null : groupOf(about)
    return {
      ...(sku === null ? {} : { hasLicence: hasLicence(readHeldLicences(reply.body), sku) }),
      ...(groupId === null ? {} : { isMember: await this.#isMember(groupId, externalId, signal) }),
      enabled: typeof accountEnabled === 'boolean' ? accountEnabled : null,
      sessionsEndedMs: typeof validFrom === 'string' ? parseTime(validFrom) : null,
      attributes: readAttributes(reply.body),
    }
  }

  async #isMember(groupId: string, externalId: string, signal: AbortSignal): Promise<boolean> {
    const filter = encodeURIComponent(`id eq '${externalId}'`)
    const path = `${groupPath(groupId)}/members?$select=id&$count=true&$filter=${filter}`
    const reply = await this.#graph.search(path, signal)
    if (reply.kind === 'error' && reply.status === 404) return false
    if (reply.kind !== 'ok') throw new Error(`the group could not be read: ${describe(reply)}`)
    const { value } = reply.body as { readonly value?: unknown }
    return Array.isArray(value) && value.length > 0
  }

  async write(externalId: string, write: Write, signal: AbortSignal): Promise<WriteAnswer> {
    if (isLicenceWrite(write)) return writeLicence(this.#graph, externalId, write, signal)
    const answer = answerOf(await this.#send(externalId, write, signal))
    if (answer.kind !== 'error') return answer
    if (isMemberWrite(write) && isMemberAlready(write, answer)) return { kind: 'written' }
    return { kind: 'refused', ...refusalOf(answer, write) }
  }

  async #send(
    externalId: string,
    write: Exclude<Write, LicenceWrite>,
    signal: AbortSignal,
  ): Promise<GraphReply> {
    const path = userPath(externalId)
    if (isMemberWrite(write)) return this.#sendMember(externalId, write, signal)
    const { attribute, value } = write
    if (attribute === 'enabled' && !value)
      return this.#urgent.patch(path, propertyOf(write), signal)
    if (attribute === 'sessions-ended')
      return this.#urgent.post(`${path}/revokeSignInSessions`, null, signal)
    if (attribute !== 'manager') return this.#graph.patch(path, propertyOf(write), signal)
    if (value !== null) {
      const reference = { '@odata.id': this.#graph.link(userPath(String(value))) }
      return this.#graph.put(`${path}/manager/$ref`, reference, signal)
    }
    const reply = await this.#graph.delete(`${path}/manager/$ref`, signal)
    if (reply.kind !== 'error' || reply.status !== 404) return reply
    // There is no such account, or she has no manager, which is what was wanted.
    const held = await this.read(externalId, signal)
    return held?.attributes.manager === null ? { kind: 'ok', body: {} } : reply
  }

  #sendMember(
    externalId: string,
    { attribute, value }: MemberWrite,
    signal: AbortSignal,
  ): Promise<GraphReply> {
    const members = `${groupPath(groupOf(attribute) ?? '')}/members`
    const id = encodeURIComponent(externalId)
    if (!value) return this.#graph.delete(`${members}/${id}/$ref`, signal)
    const reference = { '@odata.id': this.#graph.link(`/directoryObjects/${id}`) }
    return this.#graph.post(`${members}/$ref`, reference, signal)
  }
}

/** Whoever is in is not added again, and who is out is not found there: both are what was wanted. */
function isMemberAlready(write: MemberWrite, reply: GraphError): boolean {
  if (!write.value) return reply.status === 404
  return reply.status === 400 && /already exist/i.test(reply.message)
}

type PropertyWrite = Exclude<
  Write,
  MemberWrite | LicenceWrite | { attribute: 'sessions-ended' | 'manager' }
>

function propertyOf({ attribute, value }: PropertyWrite): object {
  if (attribute === 'enabled') return { accountEnabled: value }
  if (attribute === 'businessPhone') return { businessPhones: value === null ? [] : [value] }
  return { [PROPERTIES[attribute]]: value }
}

function readAttributes(body: Readonly<Record<string, unknown>>): Held['attributes'] {
  const names = Object.keys(PROPERTIES) as EditableAttribute[]
  const texts = names.map((name) => {
    const value = body[PROPERTIES[name]]
    return [name, readText(Array.isArray(value) ? value[0] : value)]
  })
  // Expanded: whoever has no manager has no such property.
  const { manager } = body as { readonly manager?: { readonly id?: unknown } | null }
  return { ...Object.fromEntries(texts), manager: readText(manager?.id) }
}

function readText(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function parseTime(text: string): number | null {
  const atMs = Date.parse(text)
  return Number.isNaN(atMs) ? null : atMs
}

function refusalOf(
  reply: GraphError,
  write: Write,
): {
  readonly refusal: Refusal
  readonly message: string
} {
  const { status, code, message } = reply
  if (status === 404) return { refusal: 'gone', message: 'the tenant has no such account' }
  if (status === 403 && isMemberWrite(write)) {
    const mend =
      'grant the application GroupMember.ReadWrite.All with admin consent; groups with a rule, ' +
      'groups that give roles and those of Exchange are changed in the tenant alone'
    return { refusal: 'not-allowed', message: `Graph refuses (${code}): ${mend}` }
  }
  if (status === 403) {
    const mend =
      'grant the application the permissions of its tier with admin consent (`gatehouse source ' +
      'set-tier` names what is missing); for people with an Entra role it needs the role ' +
      'Privileged Authentication Administrator as well'
    return { refusal: 'not-allowed', message: `Graph refuses (${code}): ${mend}` }
  }
  if (ON_PREMISES.test(message)) {
    const mend = 'the object comes from Active Directory on premises: change it there'
    return { refusal: 'on-premises', message: mend }
  }
  return { refusal: 'policy', message: `Graph refuses (${code}): ${message}` }
}
