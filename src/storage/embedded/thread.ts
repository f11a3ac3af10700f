import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js'

/** A module beside this one, by its name without extension: source or built, as this one is. */
function sibling(name: string): URL {
  return new URL(`./${name}${EXTENSION}`, import.meta.url)
}

/**
 * tsx keeps its loader to the main thread; a worker has to register it once more. Other loaders and
 * Node's own type stripping come along with the inherited options.
 */
function loaderOptions(): string[] {
  if (EXTENSION === '.js' || !process.execArgv.some((option) => /[/\\]tsx[/\\]/.test(option))) {
    return []
  }
  const api = JSON.stringify(import.meta.resolve('tsx/esm/api'))
  return ['--import', `data:text/javascript,import{register}from${api};register()`]
}

function inheritedOptions(): string[] {
  return process.execArgv.filter((option) => !option.startsWith('--inspect'))
}

export function startWorker(name: string, workerData: unknown): Worker {
  return new Worker(sibling(name), {
    workerData,
    execArgv: [...inheritedOptions(), ...loaderOptions()],
  })
}

/** Runs a module in a process of its own, with its standard error to be read. */
export function startProcess(name: string, parameters: readonly string[]): ChildProcess {
  const module = fileURLToPath(sibling(name))
  return spawn(process.execPath, [...inheritedOptions(), module, ...parameters], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}
