// `npm run demo`: set up what is missing, then become the demo. One process, so that a signal to
// npm reaches it.
import { setup } from './setup.mjs'

await setup()
const { main } = await import('../dist/src/main.js')
await main(['demo', ...process.argv.slice(2)])
