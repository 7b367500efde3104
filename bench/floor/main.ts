import { type FloorSettings, startFloor } from './server.js'

// The floor in a process of its own: settings in, port out.
process.once('message', (settings: FloorSettings) => {
  startFloor(settings).then((port) => process.send?.({ port }))
})
process.on('disconnect', () => process.exit(0))
process.on('SIGINT', () => {})
