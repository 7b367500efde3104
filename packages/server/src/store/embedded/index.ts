export { type Embedded, type EmbeddedConnection, startEmbedded } from './start-embedded.js'
