#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// grpc_load.mjs BOOK - calls of all four kinds that lose nothing, by the stock client and server, and a book of each.
//
// The server listens here and says its port. A line of stdin is "PORT BOOK": calls are made from then on, through the gateway at
// that port; or "stop": those under way come to their end, and a line with the number of each outcome and of all messages comes
// back. Every byte of every message follows from the call's nonce, its way and its number. Both books have the form and the words
// of tests/tools/ledger: nonce, outcome; behind it the client's says status, kind and details, and the server's how many messages
// it got. PEERS is the folder with node_modules.
import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const grpc = createRequire(`${process.env.PEERS}/peers.js`)('@grpc/grpc-js')
const CONNECTIONS = 2
const DEADLINE_MS = +(process.env.DEADLINE_MS || 30000)
const bytes = b => b
const pause = ms => new Promise(resolve => setTimeout(resolve, ms))
const origin = createWriteStream(process.argv[2])
const note = (book, ...row) => book.write(row.join('\t') + '\n')
const close = book => new Promise(resolve => book.end(resolve))
const counts = {}
const add = (name, n = 1) => { counts[name] = (counts[name] || 0) + n }

// Up to four frames of HTTP/2 long.
const message = (nonce, way, i) =>
  Buffer.alloc((parseInt(nonce.slice(8), 16) * 7919 + i * 104729) % (i % 8 ? 900 : 60000) + 1, `${nonce} ${way} ${i} `)

// Whether what comes is what the other side gives, message by message.
class Reader {
  constructor (nonce, way) { Object.assign(this, { nonce, way, count: 0, isRight: true }) }
  take (part) { this.isRight &&= part.equals(message(this.nonce, this.way, this.count++)) }
  is (count) { return this.isRight && this.count === count }
}

// --- the server: a path, and its handler, for each call -----------------------------------------

const server = new grpc.Server()
await new Promise((resolve, reject) => server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(),
  (error, port) => { error ? reject(error) : resolve(console.log(port)) }))

// What it gives to a call of `count` messages; `done` with what it got.
const handlers = {
  unary: (count, nonce, got, done) => (call, answer) => {
    got.take(call.request)
    done(1)
    answer(null, message(nonce, 'down', 0))
  },
  serverStream: (count, nonce, got, done) => async call => {
    got.take(call.request)
    for (let i = 0; i < count; i++) {
      call.write(message(nonce, 'down', i))
      await pause(20)
      if (call.cancelled) return
    }
    done(1)
    call.end()
  },
  clientStream: (count, nonce, got, done) => (call, answer) => {
    call.on('data', part => got.take(part))
    call.on('end', () => {
      done(count)
      answer(null, message(nonce, 'down', 0))
    })
  },
  bidi: (count, nonce, got, done) => call => {
    call.on('data', part => {
      call.write(message(nonce, 'down', got.count))
      got.take(part)
    })
    call.on('end', () => {
      done(count)
      call.end()
    })
  },
}

const serve = (path, kind, count, nonce) => {
  const got = new Reader(nonce, 'up')
  server.register(path, (call, answer) => {
    let isOver = false
    const end = outcome => {
      if (isOver) return
      isOver = true
      note(origin, nonce, outcome, got.count)
      add('messages', got.count)
    }
    call.on('cancelled', () => end('cut-request')) // behind every other end, too
    handlers[kind](count, nonce, got, expected => end(got.is(expected) ? 'whole' : 'wrong-body'))(call, answer)
  }, bytes, bytes, kind)
}

// --- the client ---------------------------------------------------------------------------------

const make = {
  unary: (client, path, options, count, nonce, done) => client.makeUnaryRequest(
    path, bytes, bytes, message(nonce, 'up', 0), new grpc.Metadata(), options, done),
  serverStream: (client, path, options, count, nonce) => client.makeServerStreamRequest(
    path, bytes, bytes, message(nonce, 'up', 0), new grpc.Metadata(), options),
  clientStream: (client, path, options, count, nonce, done) => {
    const call = client.makeClientStreamRequest(path, bytes, bytes, new grpc.Metadata(), options, done)
    let i = 0
    const next = () => {
      if (i === count || call.isOver) return call.end()
      call.write(message(nonce, 'up', i++))
      setTimeout(next, 20)
    }
    next()
    return call
  },
  bidi: (client, path, options, count, nonce) => {
    const call = client.makeBidiStreamRequest(path, bytes, bytes, new grpc.Metadata(), options)
    let i = 0
    const next = () => i === count ? call.end() : call.write(message(nonce, 'up', i++))
    call.on('data', () => setTimeout(next, 20))
    next()
    return call
  },
}
const isAnsweredOnce = { unary: true, clientStream: true }

const outcomeOf = (code, isWhole) => code === grpc.status.DEADLINE_EXCEEDED ? 'timeout'
  : code !== grpc.status.OK ? 'status' : isWhole ? 'ok' : 'wrong-body'

const ask = (client, book, kind, count) => new Promise(resolve => {
  const nonce = randomBytes(8).toString('hex')
  const path = `/ledger.Calls/n/${nonce}`
  const got = new Reader(nonce, 'down')
  serve(path, kind, count, nonce)
  const options = { deadline: Date.now() + DEADLINE_MS }
  const call = make[kind](client, path, options, count, nonce, (error, part) => { if (!error) got.take(part) })
  if (!isAnsweredOnce[kind]) call.on('data', part => got.take(part)).on('error', () => {})
  // The answer's callback comes right behind the status.
  call.on('status', status => setImmediate(() => {
    call.isOver = true
    server.unregister(path)
    const outcome = outcomeOf(status.code, got.is(isAnsweredOnce[kind] ? 1 : count))
    note(book, nonce, outcome, grpc.status[status.code], kind, JSON.stringify(status.details), got.count)
    add('requests')
    add(outcome)
    add('messages', got.count)
    resolve()
  }))
})

// One call after the other; a stream lasts as long as `count` messages, each 20 ms behind the one before.
const keepAsking = async (client, run, kind, count) => {
  for (; !run.isOver; await pause(Math.random() * 40)) await ask(client, run.book, kind, count)
}

const start = (port, path) => {
  const run = { isOver: false, book: createWriteStream(path), clients: [], loops: [] }
  for (let i = 0; i < CONNECTIONS; i++) {
    const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(),
      { 'grpc.use_local_subchannel_pool': 1 })
    run.clients.push(client)
    for (const [kind, count] of [['unary', 1], ['unary', 1], ['serverStream', 30], ['clientStream', 30], ['bidi', 30]]) {
      run.loops.push(keepAsking(client, run, kind, count))
    }
  }
  return run
}

const stop = async run => {
  run.isOver = true
  await Promise.all(run.loops)
  for (const client of run.clients) client.close()
  await close(run.book)
  console.log(JSON.stringify(counts))
  for (const name of Object.keys(counts)) delete counts[name]
}

let run
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'stop') await stop(run)
  else run = start(...line.split(' '))
}
server.forceShutdown()
await close(origin)
