/**
 * What became of the last try with the name, as `outcome method reason`, once it is what is expected
 * or long after: answers are written in batches.
 */
export async function untilLogged(
  cli: (...args: readonly string[]) => Promise<string>,
  name: string,
  expected: string,
): Promise<string> {
  let found = ''
  for (let tries = 0; tries < 100 && found !== expected; tries++) {
    const { answers } = JSON.parse(await cli('log', '--json', '--limit', '50'))
    const answer = answers.find((each: { name: string }) => each.name === name)
    found = `${answer?.outcome} ${answer?.method} ${answer?.reason}`
  }
  return found
}
