// A service that is nothing but its database: says where it is, keeps it until SIGTERM, and dies as it is told.
// Plain JavaScript, since tests kill it as a process of its own. Arguments: the built module, the data directory.
const [module, dataDir] = process.argv.slice(2)
const { startEmbedded } = await import(module)
try {
  const embedded = await startEmbedded({ dataDir, log: (line) => console.error(line) })
  process.on('SIGTERM', async () => {
    await embedded.stop()
    process.exit(0)
  })
  console.log(JSON.stringify({ connection: embedded.connection }))
  setInterval(() => {}, 60_000)
} catch (error) {
  console.log(JSON.stringify({ error: { code: error.code, message: error.message } }))
  process.exit(1)
}
