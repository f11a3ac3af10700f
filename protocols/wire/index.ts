/** What every protocol here shares: bounded reading, growing writing, cheap refusals, turns of long
 * work, a digest that Node lacks. */
export { equalConstantTime } from './equal.ts'
export { WireError } from './errors.ts'
export { md4 } from './md4.ts'
export { overwriteReadBlock } from './read-block.ts'
export { ByteReader } from './reader.ts'
export { Turns, type TurnTaker } from './turns.ts'
export { ByteWriter } from './writer.ts'
