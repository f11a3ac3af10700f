import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Worker, type WorkerOptions } from 'node:worker_threads'

const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js'

/** A module of ours by its address without extension: source or built, as this one is. */
function locate(module: URL): URL {
  return new URL(module.href + EXTENSION)
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

/** @param module as `new URL('./worker', import.meta.url)` gives it */
export function startWorker(
  module: URL,
  options: Pick<WorkerOptions, 'workerData' | 'resourceLimits'> = {},
): Worker {
  return new Worker(locate(module), { ...options, execArgv: [...loaderOptions()] })
}

/** Runs a module in a process of its own, with its standard error to be read. */
export function startProcess(module: URL, parameters: readonly string[]): ChildProcess {
  const path = fileURLToPath(locate(module))
  return spawn(process.execPath, [...loaderOptions(), path, ...parameters], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}
