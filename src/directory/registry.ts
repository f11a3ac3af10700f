import type { DirectorySettings, EntityChange, EntityKind } from './change.ts'
import type { Device } from './device.ts'
import { digestOf } from './digest.ts'
import { UNTRUSTED } from './entry-table.ts'
import type { Guest } from './guest.ts'
import { GuestTable } from './guest-table.ts'
import { KeyedTable } from './keyed-table.ts'
import type { Nas, Network } from './network.ts'
import { DEFAULT_PASSWORD_POLICY } from './password-policy.ts'
import type { Realm } from './realm.ts'
import type { Administrator } from './service.ts'
import type { ShutOut } from './shut-out.ts'

/** Before anything has been decided. */
const initialSettings: DirectorySettings = {
  kind: 'settings',
  id: '',
  version: 0,
  domain: null,
  organization: null,
  allowPlaintextBinds: false,
  allowNetworkPasswords: false,
  passwordPolicy: DEFAULT_PASSWORD_POLICY,
}

type Registered = Administrator | Nas | Network | Realm

/** What is no entry of the directory: administrators, NAS, networks, devices, guests and the settings. */
export class Registry {
  readonly devices = new KeyedTable<Device>(({ mac }) => mac)
  readonly guests = new GuestTable()
  readonly #administrators = new Map<string, Administrator>()
  readonly #nas = new Map<string, Nas>()
  readonly #networks = new Map<string, Network>()
  readonly #realms = new Map<string, Realm>()
  readonly #shutOut: ShutOut
  #settings: DirectorySettings = initialSettings
  #trust: 'versions' | 'nothing' = 'versions'
  #living: readonly Administrator[] = []
  #allNas: readonly Nas[] = []
  #allRealms: readonly Realm[] = []
  #inOrder: readonly Network[] = []

  constructor(shutOut: ShutOut) {
    this.#shutOut = shutOut
  }

  get settings(): DirectorySettings {
    return this.#settings
  }

  /** Those that are not deleted. */
  administrators(): readonly Administrator[] {
    return this.#living
  }

  nasById(id: string): Nas | null {
    return this.#nas.get(id) ?? null
  }

  realms(): readonly Realm[] {
    return this.#allRealms
  }

  allNas(): readonly Nas[] {
    return this.#allNas
  }

  networks(): readonly Network[] {
    return this.#inOrder
  }

  versions(kind: EntityKind): ReadonlyMap<string, number> {
    const versions = new Map<string, number>()
    for (const { id, version } of this.#valuesOf(kind)) {
      if (id !== initialSettings.id) versions.set(id, this.#trustsVersions ? version : UNTRUSTED)
    }
    return versions
  }

  distrustVersions(): void {
    this.#trust = 'nothing'
  }

  trustVersions(): void {
    this.#trust = 'versions'
  }

  digestLines(): string[] {
    const values = [
      ...this.#administrators.values(),
      ...this.#nas.values(),
      ...this.#networks.values(),
      ...this.#realms.values(),
      ...this.devices.inOrder(),
      ...this.guests.inOrder(),
      this.#settings,
    ]
    return values.map(digestOf)
  }

  apply(change: EntityChange): void {
    const { id, value } = change
    if (change.kind === 'settings') {
      this.#applySettings(value as DirectorySettings | null)
      return
    }
    if (change.kind === 'device') {
      this.#applyKeyed(this.devices, id, value as Device | null)
      return
    }
    if (change.kind === 'guest') {
      this.#applyKeyed(this.guests, id, value as Guest | null)
      return
    }
    const map = this.#mapOf(change.kind)
    if (map === null) return
    const held = map.get(id)
    if (value === null) map.delete(id)
    else if (this.#isNewer(value, held)) map.set(id, value as Registered)
    else return
    this.#list()
  }

  /** Some administrators are seen differently from now on. */
  showAnew(): void {
    this.#list()
  }

  #list(): void {
    this.#living = [...this.#administrators.values()]
      .filter((one) => one.lifecycle !== 'deleted')
      .map((one) => this.#shutOut.shown(one))
    this.#allNas = [...this.#nas.values()]
    this.#allRealms = [...this.#realms.values()]
    this.#inOrder = [...this.#networks.values()].sort(
      (a, b) => a.priority - b.priority || (a.name < b.name ? -1 : 1),
    )
  }

  #applySettings(value: DirectorySettings | null): void {
    if (value === null) this.#settings = initialSettings
    else if (this.#isNewer(value, this.#settings)) this.#settings = value
  }

  #applyKeyed<Value extends Device | Guest>(
    table: KeyedTable<Value>,
    id: string,
    value: Value | null,
  ): void {
    if (value === null) table.delete(id)
    else if (this.#isNewer(value, table.byId(id) ?? undefined)) table.put(value)
  }

  #valuesOf(kind: EntityKind): Iterable<{ readonly id: string; readonly version: number }> {
    if (kind === 'settings') return [this.#settings]
    if (kind === 'device') return this.devices.values()
    if (kind === 'guest') return this.guests.values()
    return this.#mapOf(kind)?.values() ?? []
  }

  #isNewer(value: { readonly version: number }, held?: { readonly version: number }): boolean {
    return held === undefined || !this.#trustsVersions || value.version > held.version
  }

  get #trustsVersions(): boolean {
    return this.#trust === 'versions'
  }

  #mapOf(kind: EntityKind): Map<string, Registered> | null {
    switch (kind) {
      case 'administrator':
        return this.#administrators as Map<string, Registered>
      case 'nas':
        return this.#nas as Map<string, Registered>
      case 'network':
        return this.#networks as Map<string, Registered>
      case 'realm':
        return this.#realms as Map<string, Registered>
      default:
        return null
    }
  }
}
