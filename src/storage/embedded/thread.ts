import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js'

/** A module beside this one, by its name without extension: source or built, as this one is. */
function sibling(name: string): URL {
  return new URL(`./${name}${EXTENSION}`, import.meta.url)
}

/**
 * What makes Node read the sources in another thread or process. Built files need nothing, nor does a
 * Node that strips types by itself; else it is tsx, which keeps its loader to the main thread and is
 * quicker to start than the loader of the test runner.
 */
function loaderOptions(): readonly string[] {
  const stripsTypes = Boolean(Reflect.get(process.features, 'typescript'))
  if (EXTENSION === '.js' || stripsTypes) return []
  const api = JSON.stringify(import.meta.resolve('tsx/esm/api'))
  return ['--import', `data:text/javascript,import{register}from${api};register()`]
}

export function startWorker(name: string, workerData: unknown): Worker {
  return new Worker(sibling(name), {
    workerData,
    execArgv: [...loaderOptions()],
  })
}

/** Runs a module in a process of its own, with its standard error to be read. */
export function startProcess(name: string, parameters: readonly string[]): ChildProcess {
  const module = fileURLToPath(sibling(name))
  return spawn(process.execPath, [...loaderOptions(), module, ...parameters], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}
