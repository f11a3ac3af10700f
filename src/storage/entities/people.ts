import { sql } from 'kysely'
import type { Lifecycle } from '../../directory/hold.ts'
import type { PrincipalId } from '../../directory/id.ts'
import type { LoginName, Person } from '../../directory/person.ts'
import { HOLDS_OF_PRINCIPAL, type HoldJson, lastJournalRow, toHolds } from './principal-columns.ts'
import { type EntityReader, type LastChange, lastChange, readVersions } from './reader.ts'

interface PersonRow extends LastChange {
  readonly id: string
  readonly no: number
  readonly version: number
  readonly lifecycle: Lifecycle
  readonly created_at: Date
  readonly changed_at: Date
  readonly username: string
  readonly display_name: string
  readonly given_name: string | null
  readonly surname: string | null
  readonly mail: string | null
  readonly user_principal_name: string | null
  readonly job_title: string | null
  readonly department: string | null
  readonly company_name: string | null
  readonly office_location: string | null
  readonly employee_id: string | null
  readonly employee_type: string | null
  readonly mobile_phone: string | null
  readonly business_phone: string | null
  readonly street_address: string | null
  readonly city: string | null
  readonly region: string | null
  readonly postal_code: string | null
  readonly country: string | null
  readonly preferred_language: string | null
  readonly is_guest: boolean
  readonly manager_id: string | null
  readonly uid_number: number
  readonly gid_number: number
  readonly home_directory: string
  readonly login_shell: string
  readonly ssh_public_keys: readonly string[]
  readonly holds: readonly HoldJson[]
  readonly login_names: readonly LoginName[]
}

/** A contested name leads to nobody, unless it is somebody's own username. */
const LOGIN_NAMES = sql`
  (select coalesce(json_agg(json_build_object('folded', l.folded, 'kind', l.kind)
          order by l.folded), '[]')
   from login_name l
   where l.principal_id = pr.id and (l.kind = 'username' or not l.is_contested))`

export const peopleReader: EntityReader = {
  kind: 'person',
  versions(db) {
    return readVersions(
      db,
      sql`select pr.id, pr.version from principal pr join person p on p.id = pr.id`,
    )
  },
  async read(db, ids) {
    const { rows } = await sql<PersonRow>`
      select pr.no, pr.version, pr.lifecycle, pr.created_at, p.*,
             ${HOLDS_OF_PRINCIPAL} as holds, ${LOGIN_NAMES} as login_names, j.usn, j.stamped_at
      from unnest(${ids}::uuid[]) as asked (id)
      join principal pr on pr.id = asked.id join person p on p.id = pr.id
      ${lastJournalRow('pr.id')}`.execute(db)
    return rows.map((row) => ({
      id: row.id,
      value: toPerson(row),
      ...lastChange(row, row.changed_at),
    }))
  },
}

function toPerson(row: PersonRow): Person {
  return {
    kind: 'person',
    id: row.id as PrincipalId,
    no: row.no,
    version: row.version,
    username: row.username,
    loginNames: row.login_names,
    displayName: row.display_name,
    givenName: row.given_name,
    surname: row.surname,
    mail: row.mail,
    userPrincipalName: row.user_principal_name,
    jobTitle: row.job_title,
    department: row.department,
    companyName: row.company_name,
    officeLocation: row.office_location,
    employeeId: row.employee_id,
    employeeType: row.employee_type,
    mobilePhone: row.mobile_phone,
    businessPhone: row.business_phone,
    streetAddress: row.street_address,
    city: row.city,
    region: row.region,
    postalCode: row.postal_code,
    country: row.country,
    preferredLanguage: row.preferred_language,
    isGuest: row.is_guest,
    managerId: row.manager_id as PrincipalId | null,
    uidNumber: row.uid_number,
    gidNumber: row.gid_number,
    homeDirectory: row.home_directory,
    loginShell: row.login_shell,
    sshPublicKeys: row.ssh_public_keys,
    lifecycle: row.lifecycle,
    holds: toHolds(row.holds),
    createdAtMs: row.created_at.getTime(),
  }
}
