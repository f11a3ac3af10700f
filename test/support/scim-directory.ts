import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { foldText } from '../../src/directory/fold.ts'
import type { Lifecycle } from '../../src/directory/hold.ts'
import type { PersonAttributes } from '../../src/directory/person.ts'
import type { Database } from '../../src/storage/connection.ts'
import { formatFoldedValues } from '../../src/storage/folded-values.ts'

export interface PersonSpec extends Partial<PersonAttributes> {
  readonly username: string
  readonly lifecycle?: Lifecycle
  readonly isHeld?: boolean
  readonly createdAt?: string
  /** Username of somebody who was added before. */
  readonly manager?: string
}

export interface GroupSpec {
  readonly name: string
  readonly displayName?: string
  readonly lifecycle?: 'active' | 'deleted'
  /** Usernames, and names of groups that were added before. */
  readonly members?: readonly string[]
}

const noAttributes: PersonAttributes = {
  displayName: '',
  givenName: null,
  surname: null,
  mail: null,
  userPrincipalName: null,
  jobTitle: null,
  department: null,
  companyName: null,
  officeLocation: null,
  employeeId: null,
  employeeType: null,
  mobilePhone: null,
  businessPhone: null,
  streetAddress: null,
  city: null,
  region: null,
  postalCode: null,
  country: null,
  preferredLanguage: null,
}

interface Added {
  readonly id: string
  readonly no: number
  readonly kind: 'person' | 'group'
}

/** Writes people and groups as rows, whatever the directory's commands would say of them. */
export class DirectoryRows {
  readonly #database: Database
  readonly #added = new Map<string, Added>()
  #nextNumber = 300_000

  constructor(database: Database) {
    this.#database = database
  }

  idOf(name: string): string {
    return this.#find(name).id
  }

  async addPerson(spec: PersonSpec): Promise<string> {
    const { username, lifecycle = 'active', isHeld = false, createdAt, manager, ...given } = spec
    const attributes = { ...noAttributes, displayName: username, ...given }
    const id = randomUUID()
    const number = this.#nextNumber++
    const { kysely } = this.#database
    const principal = await kysely
      .insertInto('principal')
      .values({
        id,
        kind: 'person',
        lifecycle,
        deleted_at: lifecycle === 'deleted' ? new Date() : null,
        ...(createdAt === undefined ? {} : { created_at: createdAt }),
      })
      .returning('no')
      .executeTakeFirstOrThrow()
    await kysely
      .insertInto('person')
      .values({
        ...columnsOf(attributes),
        id,
        username,
        username_folded: foldText(username),
        manager_id: manager === undefined ? null : this.idOf(manager),
        uid_number: number,
        gid_number: number,
        home_directory: `/home/${username}`,
        login_shell: '/bin/sh',
      })
      .execute()
    if (isHeld) {
      const hold = { principal_id: id, reason: 'admin', note: null }
      await kysely.insertInto('hold').values(hold).execute()
    }
    this.#added.set(username, { id, no: principal.no, kind: 'person' })
    return id
  }

  async addGroup(spec: GroupSpec): Promise<string> {
    const { name, displayName = name, lifecycle = 'active', members = [] } = spec
    const id = randomUUID()
    const group = await this.#database.kysely
      .insertInto('directory_group')
      .values({
        id,
        name,
        name_folded: foldText(name),
        display_name: displayName,
        display_name_folded: foldText(displayName),
        description: null,
        mail: null,
        origin: 'static',
        gid_number: this.#nextNumber++,
        lifecycle,
        deleted_at: null,
      })
      .returning('no')
      .executeTakeFirstOrThrow()
    this.#added.set(name, { id, no: group.no, kind: 'group' })
    for (const member of members) await this.addMember(name, member)
    return id
  }

  async addMember(group: string, member: string): Promise<void> {
    const { no, kind } = this.#find(member)
    const edge = { group_no: this.#find(group).no, member_no: no, member_kind: kind }
    await this.#database.kysely.insertInto('membership').values(edge).execute()
  }

  async addConnection(name: string): Promise<string> {
    const id = randomUUID()
    const { kysely } = this.#database
    await kysely
      .insertInto('principal')
      .values({ id, kind: 'service', lifecycle: 'active', deleted_at: null })
      .execute()
    await kysely
      .insertInto('service')
      .values({
        id,
        purpose: 'scim-connection',
        name,
        name_folded: foldText(name),
        view_group_ids: null,
        allowed_group_ids: null,
      })
      .execute()
    return id
  }

  async setExternalId(connectionId: string, name: string, externalId: string): Promise<void> {
    const row = {
      service_id: connectionId,
      entity_id: this.idOf(name),
      external_id: externalId,
    }
    await this.#database.kysely.insertInto('connection_external_id').values(row).execute()
  }

  /** Sets columns of a person's row by plain SQL, as a change would. */
  async touch(name: string): Promise<void> {
    await sql`update principal set version = nextval('entity_version')
      where id = ${this.idOf(name)}::uuid`.execute(this.#database.kysely)
  }

  #find(name: string): Added {
    const added = this.#added.get(name)
    if (added === undefined) throw new Error(`${name} was not added`)
    return added
  }
}

function columnsOf(attributes: PersonAttributes) {
  const { mail, userPrincipalName: upn } = attributes
  return {
    display_name: attributes.displayName,
    display_name_folded: foldText(attributes.displayName),
    given_name: attributes.givenName,
    surname: attributes.surname,
    mail,
    mail_folded: mail === null ? null : foldText(mail),
    user_principal_name: upn,
    user_principal_name_folded: upn === null ? null : foldText(upn),
    job_title: attributes.jobTitle,
    department: attributes.department,
    company_name: attributes.companyName,
    office_location: attributes.officeLocation,
    employee_id: attributes.employeeId,
    employee_type: attributes.employeeType,
    mobile_phone: attributes.mobilePhone,
    business_phone: attributes.businessPhone,
    street_address: attributes.streetAddress,
    city: attributes.city,
    region: attributes.region,
    postal_code: attributes.postalCode,
    country: attributes.country,
    preferred_language: attributes.preferredLanguage,
    folded: formatFoldedValues(attributes),
  }
}
