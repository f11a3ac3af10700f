#!/usr/bin/env node
// `npx gatehouse …`: builds first when the sources are newer than what was built.
import { setup } from './setup.mjs'

await setup()
const { main } = await import('../dist/src/main.js')
await main(process.argv.slice(2))
