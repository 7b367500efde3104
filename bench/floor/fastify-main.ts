import fastify from 'fastify'

// The floor of whatever answers JSON: Fastify as it comes, reading a body and answering the same bytes to everyone.
process.once('message', ({ answer }: { answer: string }) => {
  const app = fastify()
  app.post('/v1/zones/:zone_id/decisions/check', async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(answer),
  )
  app.listen({ host: '127.0.0.1', port: 0 }).then((url) => process.send?.({ port: Number(new URL(url).port) }))
})
process.on('disconnect', () => process.exit(0))
process.on('SIGINT', () => {})
