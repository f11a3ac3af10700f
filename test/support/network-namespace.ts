import { runTool, type ToolRun } from './run-tool.ts'
import { findTool } from './tools.ts'

/** A command line that runs a tool inside a network namespace. */
export function inside(space: string, tool: string, args: readonly string[]): readonly string[] {
  const path = findTool(tool)
  if (path === null) throw new Error(`${tool} is not installed`)
  return ['netns', 'exec', space, path, ...args]
}

export function runInside(
  space: string,
  tool: string,
  args: readonly string[],
  input = '',
): Promise<ToolRun> {
  return runTool('ip', inside(space, tool, args), input)
}

/** @throws {Error} what `ip` says, when it fails */
export async function ip(...args: readonly string[]): Promise<void> {
  const { code, output } = await runTool('ip', args)
  if (code !== 0) throw new Error(`ip ${args.join(' ')}: ${output}`)
}
