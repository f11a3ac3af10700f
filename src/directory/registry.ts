import type { DirectorySettings, EntityChange, EntityKind } from './change.ts'
import type { Nas, Network } from './network.ts'
import type { Administrator } from './service.ts'

/** Before anything has been decided. */
const initialSettings: DirectorySettings = {
  kind: 'settings',
  id: '',
  version: 0,
  domain: null,
  organization: null,
  allowPlaintextBinds: false,
}

type Registered = Administrator | Nas | Network

/** What is few: administrators, NAS, networks and the settings. */
export class Registry {
  readonly #administrators = new Map<string, Administrator>()
  readonly #nas = new Map<string, Nas>()
  readonly #networks = new Map<string, Network>()
  #settings: DirectorySettings = initialSettings
  #allNas: readonly Nas[] = []
  #inOrder: readonly Network[] = []

  get settings(): DirectorySettings {
    return this.#settings
  }

  administrators(): readonly Administrator[] {
    return [...this.#administrators.values()].filter((one) => one.lifecycle !== 'deleted')
  }

  nasById(id: string): Nas | null {
    return this.#nas.get(id) ?? null
  }

  allNas(): readonly Nas[] {
    return this.#allNas
  }

  networks(): readonly Network[] {
    return this.#inOrder
  }

  versions(kind: EntityKind): ReadonlyMap<string, number> {
    if (kind === 'settings') {
      const { id, version } = this.#settings
      return new Map(version === 0 ? [] : [[id, version]])
    }
    const versions = new Map<string, number>()
    for (const { id, version } of this.#mapOf(kind)?.values() ?? []) versions.set(id, version)
    return versions
  }

  apply(change: EntityChange): void {
    const { id, value } = change
    if (change.kind === 'settings') {
      this.#applySettings(value as DirectorySettings | null)
      return
    }
    const map = this.#mapOf(change.kind)
    if (map === null) return
    const held = map.get(id)
    if (value === null) map.delete(id)
    else if (held === undefined || value.version > held.version) map.set(id, value as Registered)
    this.#allNas = [...this.#nas.values()]
    this.#inOrder = [...this.#networks.values()].sort(
      (a, b) => a.priority - b.priority || (a.name < b.name ? -1 : 1),
    )
  }

  #applySettings(value: DirectorySettings | null): void {
    if (value === null) this.#settings = initialSettings
    else if (value.version > this.#settings.version) this.#settings = value
  }

  #mapOf(kind: EntityKind): Map<string, Registered> | null {
    switch (kind) {
      case 'administrator':
        return this.#administrators as Map<string, Registered>
      case 'nas':
        return this.#nas as Map<string, Registered>
      case 'network':
        return this.#networks as Map<string, Registered>
      default:
        return null
    }
  }
}
