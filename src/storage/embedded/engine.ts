import { fdatasyncSync } from 'node:fs'
import { PGlite } from '@electric-sql/pglite'
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm'
import { NodeFS } from '@electric-sql/pglite/nodefs'

/** Emscripten's file stream, as far as we need it. */
interface Stream {
  readonly nfd: number
}

interface NodeFileSystem {
  readonly stream_ops: { fsync?: (stream: Stream) => number }
  tryFSOperation(operation: () => void): void
}

interface EngineModule {
  readonly NODEFS?: NodeFileSystem
}

/** Emscripten's file system has no fsync: PostgreSQL would be told "done" and nothing written. */
function addFsync(engine: EngineModule): void {
  const files = engine.NODEFS
  if (!files) throw new Error('this build of the embedded database has no node file system')
  files.stream_ops.fsync = (stream) => {
    files.tryFSOperation(() => fdatasyncSync(stream.nfd))
    return 0
  }
}

class DurableFileSystem extends NodeFS {
  override async init(...parameters: Parameters<NodeFS['init']>): ReturnType<NodeFS['init']> {
    const { emscriptenOpts } = await super.init(...parameters)
    const preRun = emscriptenOpts.preRun ?? []
    const steps = Array.isArray(preRun) ? preRun : [preRun]
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...steps, addFsync] } }
  }
}

/** `-F` means "no fsync" and is PGlite's default; fdatasync is a no-op in Emscripten, fsync ours. */
const START_PARAMETERS: readonly string[] = [
  ...PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'),
  ...['-c', 'wal_sync_method=fsync'],
  ...['-c', 'shared_buffers=16MB'],
  ...['-c', 'max_wal_size=64MB'],
]

const KEPT_STDERR_LINES = 10

/** Opens (or creates) the cluster in `directory` on the calling thread, durably. */
export async function openEngine(directory: string): Promise<PGlite> {
  const lines: string[] = []
  const engine = new PGlite({
    fs: new DurableFileSystem(directory),
    startParams: [...START_PARAMETERS],
    // An extension that was ever created must be handed over at every start.
    extensions: { pg_trgm },
    onStderr: (line) => {
      lines.push(line)
      if (lines.length > KEPT_STDERR_LINES) lines.shift()
      return false
    },
  })
  try {
    await engine.waitReady
  } catch (cause) {
    throw new Error(`the embedded database did not open: ${lines.join(' | ') || String(cause)}`, {
      cause,
    })
  }
  return engine
}
