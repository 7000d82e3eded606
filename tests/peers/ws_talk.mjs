#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// ws_talk.mjs GATEWAY_PORT UPSTREAM_PORT - one WebSocket between the stock client and the stock server.
//
// The server listens here, and the gateway has it as its upstream. Both would compress. Messages go there and back,
// then this says one line: what the server was asked for in extensions, what was agreed, and which of the messages
// (their names) came back as they were; or how it ended before that. PEERS is the folder with node_modules.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createRequire } from 'node:module'

const { WebSocket, WebSocketServer } = createRequire(`${process.env.PEERS}/peers.js`)('ws')
const [, , gatewayPort, upstreamPort] = process.argv
const perMessageDeflate = { threshold: 0 }
const messages = { nothing: '', text: 'κόσμε 🎈', zeros: Buffer.alloc(200000), bytes: randomBytes(1000) }
const told = { offered: null, agreed: null, protocol: null, same: [], pong: null, close: null }

const server = new WebSocketServer({ port: +upstreamPort, host: '127.0.0.1', perMessageDeflate })
await once(server, 'listening')
server.on('connection', (socket, request) => {
  told.offered = request.headers['sec-websocket-extensions'] || null
  socket.on('message', (data, isBinary) => {
    if (!isBinary && data.toString() === 'end') socket.close(3000, 'as asked')
    else socket.send(data, { binary: isBinary })
  })
})

const client = new WebSocket(`ws://127.0.0.1:${gatewayPort}/talk`, ['a', 'b'], { perMessageDeflate })
client.on('error', error => { told.error = error.message })
const ended = once(client, 'close').then(([code, reason]) => { told.close = [code, reason.toString()] })
const next = name => Promise.race([once(client, name), ended.then(() => Promise.reject(new Error('closed')))])

try {
  await next('open')
  told.agreed = client.extensions
  told.protocol = client.protocol
  for (const [name, message] of Object.entries(messages)) {
    const answer = next('message')
    client.send(message)
    const [data, isBinary] = await answer
    if (isBinary === (typeof message !== 'string') && data.equals(Buffer.from(message))) told.same.push(name)
  }
  const parts = next('message')
  client.send('two ', { fin: false })
  client.send('parts', { fin: true })
  if ((await parts)[0].toString() === 'two parts') told.same.push('parts')
  const pong = next('pong')
  client.ping('are you there')
  told.pong = (await pong)[0].toString()
  client.send('end')
} catch {
  // What it was stands in `close`.
}
await ended
server.close()
process.stdout.write(JSON.stringify(told) + '\n')
