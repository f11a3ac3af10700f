// Rendered from the catalog after all migrations; a test compares. See CONTRIBUTING.md.
import type { ColumnType, Generated } from 'kysely'

/** Goes in as a Date or ISO text, comes out as a Date. */
export type Timestamp = ColumnType<Date, Date | string, Date | string>
/** Comes out parsed, goes in as JSON text. */
export type Json = ColumnType<unknown, string, string>
/** The same with a default, which `Generated<Timestamp>` would hide. */
export type GeneratedTimestamp = ColumnType<Date, Date | string | undefined, Date | string>
export type GeneratedJson = ColumnType<unknown, string | undefined, string>
/** Given by the database alone. */
export type Identity = ColumnType<number, never, never>

export interface AccountingSessionTable {
  nas_id: string
  session_id: string
  username: string
  principal_id: string | null
  calling_station_id: Generated<string>
  called_station_id: string | null
  framed_address: string | null
  started_at: Timestamp | null
  updated_at: Timestamp
  stopped_at: Timestamp | null
  session_seconds: number | null
  input_octets: number | null
  output_octets: number | null
  terminate_cause: string | null
  reported_by: Generated<string>
  id: Generated<string>
  network_id: string | null
  credential_id: string | null
  granted: string | null
  ssid: string | null
  framed_ipv6: string | null
  signal: string | null
  connect_info: string | null
  identity: Json | null
  reported_at: GeneratedTimestamp
}

export interface AdministratorTable {
  id: string
  username: string
  username_folded: string
  role: 'owner' | 'operator' | 'viewer'
  person_id: string | null
}

export interface AuthEventTable {
  at: Timestamp
  id: Identity
  last_at: Timestamp
  count: Generated<number>
  outcome: 'success' | 'denied' | 'unavailable'
  reason: string | null
  resource_kind: string
  resource_name: string | null
  method: string
  principal_id: string | null
  name: string
  address: string
  device: string | null
  detail: Json | null
}

export interface AuthFailureTable {
  principal_id: string
  resource_kind: string
  device: Generated<string>
  failures: number
  last_at: Timestamp
}

export interface AuthorityTable {
  principal_id: string
  attribute: string
  source_id: string | null
}

export interface CertificateAuthorityTable {
  id: string
  purpose: string
  certificate: string
  private_key: Buffer
  created_at: GeneratedTimestamp
}

export interface ClientAuthorityTable {
  id: string
  version: Generated<number>
  name: string
  name_folded: string
  certificate: string
  fingerprint: string
  private_key: Buffer | null
  matching: Json
  crl: Buffer | null
  crl_url: string | null
  crl_taken_at: Timestamp | null
  crl_error: string | null
  created_at: GeneratedTimestamp
}

export interface ClientCertificateTable {
  id: string
  version: Generated<number>
  principal_id: string
  label: string
  authority_id: string
  serial: string
  fingerprint: string
  not_before: Timestamp
  not_after: Timestamp
  created_at: GeneratedTimestamp
  revoked_at: Timestamp | null
  reason: string | null
}

export interface ConnectAttemptTable {
  id: string
  way: 'consent' | 'device'
  status: 'waiting' | 'working' | 'connected' | 'refused'
  actor: string
  state_hash: Buffer | null
  request: Json
  secret: Buffer | null
  note: string | null
  source_id: string | null
  created_at: GeneratedTimestamp
  expires_at: Timestamp
  working_until: Timestamp | null
  tenant: string | null
}

export interface ConnectionExternalIdTable {
  service_id: string
  entity_id: string
  external_id: string
}

export interface CredentialTable {
  id: string
  version: Generated<number>
  principal_id: string
  type: 'primary-password' | 'app-password' | 'network-password' | 'generated-secret' | 'token' | 'source-password'
  label: string
  verifier: string
  sealed: Buffer | null
  service_id: string | null
  expires_at: Timestamp | null
  created_at: GeneratedTimestamp
  principal_version: number | null
  is_temporary: Generated<boolean>
  uses: Generated<string[]>
}

export interface CredentialUseTable {
  credential_id: string
  used_at: Timestamp
  address: string
}

export interface CutOffTable {
  actor: string
  principal_id: string
  at: GeneratedTimestamp
  is_meant: boolean
}

export interface DeviceTable {
  id: string
  version: Generated<number>
  mac: string
  name: string
  name_folded: string
  owner_id: string | null
  network_ids: string[]
  vlan: Json | null
  enabled: Generated<boolean>
  expires_at: Timestamp | null
  created_at: GeneratedTimestamp
}

export interface DirectoryGroupTable {
  id: string
  no: Generated<number>
  version: Generated<number>
  members_version: Generated<number>
  name: string
  name_folded: string
  display_name: string
  display_name_folded: string
  description: string | null
  mail: string | null
  origin: 'static' | 'mirrored' | 'rule'
  gid_number: number
  lifecycle: 'active' | 'deleted'
  created_at: GeneratedTimestamp
  changed_at: GeneratedTimestamp
  deleted_at: Timestamp | null
}

export interface GuestTable {
  id: string
  version: Generated<number>
  name: string
  label: string | null
  company: string | null
  note: string | null
  sponsor_id: string | null
  starts_at: Timestamp
  expires_at: Timestamp
  revoked_at: Timestamp | null
  secret: Buffer
  created_at: GeneratedTimestamp
}

export interface HoldTable {
  principal_id: string
  reason: string
  since: GeneratedTimestamp
  note: string | null
}

export interface ImportChoiceTable {
  session_id: string
  external_id: string
  is_chosen: boolean
  decision: 'separate' | 'link' | null
  principal_id: string | null
}

export interface ImportRoleTable {
  session_id: string
  external_id: string
  role: string
}

export interface ImportRuleTable {
  id: string
  source_id: string
  filter: Json
  action: 'stage' | 'activate'
  created_by: string
  created_at: GeneratedTimestamp
}

export interface ImportSessionTable {
  id: string
  source_id: string
  state: 'draft' | 'running' | 'done' | 'failed'
  matching: Json | null
  roles_unknown: string | null
  created_by: string
  created_at: GeneratedTimestamp
  changed_at: GeneratedTimestamp
  until: Timestamp | null
  run_by: string | null
  run_reason: string | null
  started_at: Timestamp | null
  finished_at: Timestamp | null
  cursor: string | null
  total: Generated<number>
  counts: GeneratedJson
  error: string | null
}

export interface JournalTable {
  usn: number
  at: Timestamp
  inbox_seq: number
  kind: string
  entity: string
  group_no: number | null
  member_no: number | null
  version: number | null
  actor: string | null
  reason: string | null
  detail: string | null
  hash: Buffer
}

export interface JournalDetailTable {
  id: string
  salt: Buffer
  digest: Buffer
  body: Json | null
  at: GeneratedTimestamp
}

export interface JournalHeadTable {
  one: Generated<boolean>
  usn: number
  epoch: string
  hash: Buffer
  inbox_seq: Generated<number>
}

export interface JournalInboxTable {
  seq: Identity
  kind: string
  entity: string
  group_no: number | null
  member_no: number | null
  version: number | null
  actor: string | null
  reason: string | null
  detail: string | null
}

export interface KeyRingTable {
  key_id: string
  check_value: Buffer
  created_at: GeneratedTimestamp
  retired_at: Timestamp | null
}

export interface LeadershipTable {
  name: string
  fence: number
}

export interface LicenceChoiceTable {
  source_id: string
  principal_id: string
  sku: string
  name: string
  is_assigned: boolean
  chosen_at: GeneratedTimestamp
}

export interface LifecycleDateTable {
  principal_id: string
  act: 'activate' | 'suspend' | 'delete'
  due_at: Timestamp
  set_by: string
  reason: string | null
  refused: string | null
}

export interface LoginNameTable {
  folded: string
  principal_id: string
  kind: 'username' | 'upn' | 'mail'
  is_contested: Generated<boolean>
}

export interface LoginNameConflictTable {
  folded: string
  principal_id: string
  kind: string
  since: GeneratedTimestamp
}

export interface MailTable {
  id: string
  principal_id: string | null
  kind: string
  recipient: string
  content: Buffer | null
  status: Generated<'waiting' | 'sent' | 'failed'>
  reason: string | null
  attempts: Generated<number>
  created_at: GeneratedTimestamp
  due_at: GeneratedTimestamp
  expires_at: Timestamp
  claim: string | null
  claimed_until: Timestamp | null
  settled_at: Timestamp | null
}

export interface MembershipTable {
  group_no: number
  member_no: number
  member_kind: 'person' | 'group'
}

export interface NameQuarantineTable {
  scope: 'username' | 'group'
  folded: string
  until: Timestamp
  owner: string
}

export interface NasTable {
  id: string
  version: Generated<number>
  name: string
  name_folded: string
  addresses: string[]
  secrets: Buffer[]
  require_message_authenticator: 'yes' | 'no' | 'auto'
  limit_proxy_state: boolean
  secret_no: Generated<number>
  old_secrets_until: Timestamp | null
  signed_at: Timestamp | null
  radsec: Json | null
  dynamic_authorization: Generated<'off' | 'disconnect' | 'coa'>
  coa_port: Generated<number>
  coa_secret: Buffer | null
  rate: Generated<number>
}

export interface NasSecretUseTable {
  nas_id: string
  secret_no: number
  address: string
  used_at: Timestamp
}

export interface NetworkTable {
  id: string
  version: Generated<number>
  name: string
  name_folded: string
  priority: number
  policy: Json
}

export interface OneTimeLinkTable {
  id: string
  principal_id: string
  digest: Buffer
  created_at: GeneratedTimestamp
  expires_at: Timestamp
  ended_at: Timestamp | null
  ended_by: 'used' | 'newer-link' | 'suspended' | 'restored' | 'password-set' | 'address-changed' | null
}

export interface PasskeyTable {
  id: string
  principal_id: string
  name: string
  credential_id: string
  public_key: Buffer
  counter: number
  transports: string[]
  is_synced: boolean
  created_at: GeneratedTimestamp
  used_at: Timestamp | null
}

export interface PasswordClaimTable {
  principal_id: string
  claim: string
  claimed_until: Timestamp
}

export interface PasswordHistoryTable {
  id: Identity
  principal_id: string
  verifier: string
  replaced_at: GeneratedTimestamp
}

export interface PersonTable {
  id: string
  username: string
  username_folded: string
  display_name: string
  display_name_folded: string
  given_name: string | null
  surname: string | null
  mail: string | null
  mail_folded: string | null
  user_principal_name: string | null
  user_principal_name_folded: string | null
  job_title: string | null
  department: string | null
  company_name: string | null
  office_location: string | null
  employee_id: string | null
  employee_type: string | null
  mobile_phone: string | null
  business_phone: string | null
  street_address: string | null
  city: string | null
  region: string | null
  postal_code: string | null
  country: string | null
  preferred_language: string | null
  is_guest: Generated<boolean>
  manager_id: string | null
  uid_number: number
  gid_number: number
  home_directory: string
  login_shell: string
  ssh_public_keys: Generated<string[]>
  changed_at: GeneratedTimestamp
  folded: GeneratedJson
}

export interface PosixAllocatorTable {
  one: Generated<boolean>
  first: number
  last: number
  next_number: number
}

export interface PosixReservedTable {
  number: number
  why: string
}

export interface PrincipalTable {
  id: string
  no: Generated<number>
  kind: 'person' | 'device' | 'guest' | 'service' | 'administrator'
  lifecycle: 'staged' | 'active' | 'deleted'
  version: Generated<number>
  created_at: GeneratedTimestamp
  deleted_at: Timestamp | null
  is_deleted_here: Generated<boolean>
  lifecycle_before: 'staged' | 'active' | null
  is_protected: Generated<boolean>
}

export interface PushTable {
  source_id: string
  principal_id: string
  attribute: string
  status: 'sending' | 'undecided' | 'written' | 'refused' | 'contested'
  wanted: Json
  written: Json | null
  written_at: Timestamp | null
  repeats: Generated<number>
  reason: string | null
  changed_at: GeneratedTimestamp
}

export interface PushCursorTable {
  source_id: string
  usn: number
  epoch: string
}

export interface PushDirtyTable {
  source_id: string
  principal_id: string
  mark: Identity
  due_at: GeneratedTimestamp
  attempts: Generated<number>
  claim: string | null
  claimed_until: Timestamp | null
  is_urgent: Generated<boolean>
}

export interface RealmTable {
  id: string
  version: Generated<number>
  name: string
  name_folded: string
  policy: Json
  secrets: Buffer[]
}

export interface RecoveryCodeTable {
  principal_id: string
  digest: string
}

export interface RemovalTable {
  id: Identity
  source_id: string
  group_id: string | null
  kind: 'person' | 'group' | 'membership' | 'suspension'
  subject: string
  at: GeneratedTimestamp
}

export interface RemovalWaitingTable {
  source_id: string
  kind: 'person' | 'group' | 'membership' | 'suspension'
  subject: string
  group_external_id: Generated<string>
  since: GeneratedTimestamp
  approved_at: Timestamp | null
  approved_by: string | null
}

export interface ResourceGrantTable {
  resource_kind: string
  resource_id: string
  principal_id: string
  parameters: Json
  why: string
}

export interface SchemaVersionTable {
  one: Generated<boolean>
  version: number
  readable_since: number
  changed_at: GeneratedTimestamp
}

export interface ServiceTable {
  id: string
  purpose: 'ldap-client' | 'scim-connection' | 'api'
  name: string
  name_folded: string
  view_group_ids: string[] | null
  allowed_group_ids: string[] | null
  config: GeneratedJson
}

export interface SessionDisconnectTable {
  session_id: string
  kind: 'disconnect' | 'change'
  cause: string
  actor: string | null
  status: Generated<'waiting' | 'done' | 'gone' | 'refused' | 'unanswered' | 'left' | 'needless'>
  outcome: string | null
  attempts: Generated<number>
  requested_at: GeneratedTimestamp
  due_at: GeneratedTimestamp
  claim: string | null
  claimed_until: Timestamp | null
  sent_at: Timestamp | null
  settled_at: Timestamp | null
}

export interface SettingsTable {
  one: Generated<boolean>
  id: string
  version: Generated<number>
  domain: string | null
  organization: string | null
  allow_plaintext_binds: Generated<boolean>
  password_policy: GeneratedJson
  mail: Json | null
  mail_password: Buffer | null
  allow_network_passwords: Generated<boolean>
}

export interface SourceTable {
  id: string
  version: Generated<number>
  kind: string
  name: string
  config: Json
  secret: Buffer | null
  state: 'active' | 'paused' | 'quarantined'
  state_reason: string | null
  created_at: GeneratedTimestamp
  admission_due: Generated<boolean>
  leave_people: 'keep' | 'suspend' | 'delete' | null
  leave_by: string | null
  leave_reason: string | null
  left_at: Timestamp | null
  verified_at: Timestamp | null
  verification: Json | null
}

export interface SourceCandidateTable {
  source_id: string
  external_id: string
  attributes: Json
  sort_key: string
  upn_folded: string | null
  mail_folded: string | null
  username_base: string
  folded: Json
  searched: string
  generation: number
  first_seen_at: GeneratedTimestamp
  changed_at: GeneratedTimestamp
}

export interface SourceGoneTable {
  source_id: string
  external_id: string
  at: GeneratedTimestamp
}

export interface SourceHealthTable {
  source_id: string
  at: GeneratedTimestamp
  kept: Json
}

export interface SourceLinkTable {
  source_id: string
  object_kind: 'person' | 'group'
  external_id: string
  principal_id: string | null
  group_id: string | null
  attributes: Json
  generation: Generated<number>
  removed_at: Timestamp | null
  linked_at: GeneratedTimestamp
  edges_pending: Generated<boolean>
  manager_pending: Generated<boolean>
  manager_external_id: string | null
  lifecycle_before: string | null
  admitted_by: string | null
  was_activated: Generated<boolean>
  is_master: Generated<boolean>
  members_here: Generated<boolean>
  removals_approved: Generated<number>
}

export interface SourceMemberTable {
  source_id: string
  group_external_id: string
  member_external_id: string
  member_type: string
  generation: Generated<number>
}

export interface SourceSubscriptionTable {
  id: string
  source_id: string
  stream: 'people' | 'groups'
  url: string
  state: Generated<'creating' | 'active' | 'failed'>
  subscription_id: string | null
  expires_at: Timestamp | null
  working_until: Timestamp
  due_at: Timestamp | null
  attempts: Generated<number>
  demand: 'reauthorize' | 'recreate' | null
  error: string | null
  next_step: string | null
  heard_at: Timestamp | null
  missed_at: Timestamp | null
}

export interface SpentChallengeTable {
  digest: string
  expires_at: Timestamp
}

export interface SyncChangeTable {
  round_id: string
  id: Identity
  object_kind: 'person' | 'group' | 'membership'
  act: 'created' | 'changed' | 'removed' | 'restored' | 'held' | 'freed'
  subject: string
  member_no: number | null
  before: Json | null
  after: Json | null
}

export interface SyncItemTable {
  round_id: string
  seq: Identity
  page: number
  external_id: string
  body: Json
  weight: Generated<number>
}

export interface SyncRoundTable {
  id: string
  source_id: string
  stream: 'people' | 'groups'
  mode: 'delta' | 'full' | 'undo'
  state: 'fetching' | 'applying' | 'done' | 'abandoned' | 'waiting'
  fingerprint: string
  generation: number
  next_link: string | null
  delta_link: string | null
  pages: Generated<number>
  applied_to: Generated<number>
  counts: GeneratedJson
  note: string | null
  started_at: GeneratedTimestamp
  finished_at: Timestamp | null
  is_believed: Generated<boolean>
  needs_full: Generated<boolean>
  undoes: string | null
  undone_by: string | null
  undo_note: string | null
}

export interface SyncTokenTable {
  source_id: string
  stream: 'people' | 'groups'
  delta_link: string
  fingerprint: string
  generation: number
  confirmed_at: GeneratedTimestamp
  needs_full: Generated<boolean>
}

export interface TotpTable {
  principal_id: string
  id: string
  secret: Buffer
  last_step: number
  created_at: GeneratedTimestamp
  used_at: Timestamp | null
}

/** Every table, as Kysely wants it. */
export interface Tables {
  accounting_session: AccountingSessionTable
  administrator: AdministratorTable
  auth_event: AuthEventTable
  auth_failure: AuthFailureTable
  authority: AuthorityTable
  certificate_authority: CertificateAuthorityTable
  client_authority: ClientAuthorityTable
  client_certificate: ClientCertificateTable
  connect_attempt: ConnectAttemptTable
  connection_external_id: ConnectionExternalIdTable
  credential: CredentialTable
  credential_use: CredentialUseTable
  cut_off: CutOffTable
  device: DeviceTable
  directory_group: DirectoryGroupTable
  guest: GuestTable
  hold: HoldTable
  import_choice: ImportChoiceTable
  import_role: ImportRoleTable
  import_rule: ImportRuleTable
  import_session: ImportSessionTable
  journal: JournalTable
  journal_detail: JournalDetailTable
  journal_head: JournalHeadTable
  journal_inbox: JournalInboxTable
  key_ring: KeyRingTable
  leadership: LeadershipTable
  licence_choice: LicenceChoiceTable
  lifecycle_date: LifecycleDateTable
  login_name: LoginNameTable
  login_name_conflict: LoginNameConflictTable
  mail: MailTable
  membership: MembershipTable
  name_quarantine: NameQuarantineTable
  nas: NasTable
  nas_secret_use: NasSecretUseTable
  network: NetworkTable
  one_time_link: OneTimeLinkTable
  passkey: PasskeyTable
  password_claim: PasswordClaimTable
  password_history: PasswordHistoryTable
  person: PersonTable
  posix_allocator: PosixAllocatorTable
  posix_reserved: PosixReservedTable
  principal: PrincipalTable
  push: PushTable
  push_cursor: PushCursorTable
  push_dirty: PushDirtyTable
  realm: RealmTable
  recovery_code: RecoveryCodeTable
  removal: RemovalTable
  removal_waiting: RemovalWaitingTable
  resource_grant: ResourceGrantTable
  schema_version: SchemaVersionTable
  service: ServiceTable
  session_disconnect: SessionDisconnectTable
  settings: SettingsTable
  source: SourceTable
  source_candidate: SourceCandidateTable
  source_gone: SourceGoneTable
  source_health: SourceHealthTable
  source_link: SourceLinkTable
  source_member: SourceMemberTable
  source_subscription: SourceSubscriptionTable
  spent_challenge: SpentChallengeTable
  sync_change: SyncChangeTable
  sync_item: SyncItemTable
  sync_round: SyncRoundTable
  sync_token: SyncTokenTable
  totp: TotpTable
}
