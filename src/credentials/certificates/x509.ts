import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

// Before anybody makes or reads a certificate; the library wants reflect-metadata even earlier.
x509.cryptoProvider.set(webcrypto)

export { x509 }
