#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// h2_origin.mjs [STREAMS_MAX [CERTIFICATE KEY]] - an HTTP/2 upstream for tests, with what node has built in.
//
// Clear text by prior knowledge, or TLS with ALPN h2 alone; STREAMS_MAX "connect" offers RFC 8441. Says its port, then one line of JSON for each
// connection and each request that has ended. What it does stands in the path, see `actions`.
import http2 from 'node:http2'
import { readFileSync } from 'node:fs'

const [, , streams, certificate, key] = process.argv
const settings = streams === 'connect' ? { enableConnectProtocol: true }
  : streams ? { maxConcurrentStreams: +streams } : {}
const tell = what => process.stdout.write(JSON.stringify(what) + '\n')
const seen = new Map()
const held = []
const turns = new Map()
let connections = 0

const first = path => {
  const n = (seen.get(path) || 0) + 1
  seen.set(path, n)
  return n === 1
}

// Reads the whole request, then calls back with it.
const whole = (stream, done) => {
  const parts = []
  stream.on('data', part => parts.push(part))
  stream.on('end', () => done(Buffer.concat(parts)))
}

const answer = (stream, status, body, fields = {}) => {
  if (stream.destroyed) return
  stream.respond({ ':status': status, ...fields })
  stream.end(body)
}

const breakOff = (stream, body) => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
  stream.write(body)
  whole(stream, () => stream.destroy(new Error('cut')))
}

const actions = {
  hello: stream => answer(stream, 200, 'hello', { 'content-length': 5 }),
  // The request as it was received.
  echo: (stream, headers) => {
    let trailers = {}
    stream.on('trailers', t => { trailers = t })
    whole(stream, body => answer(stream, 200, JSON.stringify({
      headers: { ...headers }, trailers: { ...trailers }, body: body.toString('latin1') })))
  },
  length: stream => whole(stream, body => answer(stream, 200, String(body.length))),
  big: (stream, headers, n) => answer(stream, 200, Buffer.alloc(+n, 'x')),
  trailers: stream => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '5' }))
    stream.end('hello')
  },
  empty: stream => stream.respond({ ':status': 204 }, { endStream: true }),
  interim: stream => {
    stream.additionalHeaders({ ':status': 103, link: '</a>' })
    answer(stream, 200, 'late')
  },
  // Answers while the request is under way, and never reads the rest.
  early: stream => answer(stream, 413, 'enough'),
  reset: (stream, headers, code) => stream.close(+code),
  cut: stream => {
    stream.respond({ ':status': 200 })
    stream.write('part', () => stream.destroy(new Error('cut')))
  },
  'refuse-once': (stream, headers) => first(headers[':path'])
    ? stream.close(http2.constants.NGHTTP2_REFUSED_STREAM) : answer(stream, 200, 'again'),
  // No further stream of this connection; those that are there are answered.
  goaway: stream => {
    stream.session.goaway(http2.constants.NGHTTP2_NO_ERROR, stream.id)
    answer(stream, 200, 'bye')
  },
  destroy: stream => stream.session.destroy(),
  hold: stream => { held.push(stream) },
  release: stream => {
    for (const other of held.splice(0)) answer(other, 200, 'held')
    answer(stream, 200, 'released')
  },
  held: stream => answer(stream, 200, String(held.length)),
  silent: () => {},
  // Behind an extended CONNECT: the head's fields as one line, then every byte as it came.
  tunnel: (stream, headers) => {
    stream.additionalHeaders({ ':status': 103, link: '</a>' })
    stream.respond({ ':status': 200, 'sec-websocket-protocol': 'b' })
    stream.write(JSON.stringify({ ...headers }) + '\n')
    stream.pipe(stream)
  },
  // A gRPC answer: one message and its status behind it, or no more than the status.
  call: (stream, headers, status) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }))
    stream.end('\0\0\0\0\x02ok')
  },
  'refuse-call': (stream, headers, status) => stream.respond({
    ':status': 200, 'content-type': 'application/grpc', 'grpc-status': status }, { endStream: true }),
  // A call with four messages: the next, and then its status, go out when somebody asks for /turn.
  turns: (stream, headers, name) => {
    let next = 0
    const send = () => stream.write(Buffer.from([0, 0, 0, 0, 2, 0x6d, 0x30 + next++]))
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    turns.set(name, () => next < 4 ? send() : stream.end())
    send()
  },
  turn: (stream, headers, name) => { turns.get(name)(); answer(stream, 200, 'done') },
  // A call whose answer begins at once and breaks off when the request is whole: behind a message, or inside the next one; or
  // stands still there.
  'broken-call': stream => breakOff(stream, '\0\0\0\0\x02ok'),
  'half-call': stream => breakOff(stream, '\0\0\0\0\x02ok\0\0\0\0\x09hal'),
  'endless-call': stream => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
    stream.write('\0\0\0\0\x02ok')
  },
  'stuck-call': stream => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
    stream.write('\0\0\0\0\x02ok\0\0\0\0\x09hal')
  },
  'cut-call': stream => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
    stream.write('part', () => stream.destroy(new Error('cut')))
  },
  fields: (stream, headers, n) => {
    const fields = {}
    for (let i = 0; i < +n; i++) fields['x-' + i] = 'v'.repeat(100)
    answer(stream, 200, 'many', fields)
  },
}

const server = certificate
  ? http2.createSecureServer({ cert: readFileSync(certificate), key: readFileSync(key), settings })
  : http2.createServer({ settings })
server.on('session', session => {
  session.number = ++connections
  session.on('error', () => {})
  tell({ connection: session.number })
})
server.on('stream', (stream, headers) => {
  const path = headers[':path']
  const [, name, argument] = path.split(/[/?]/)
  stream.on('error', () => {})
  stream.on('close', () => tell({ path, connection: stream.session?.number, code: stream.rstCode }))
  const action = actions[name] || (s => answer(s, 404, 'no ' + name))
  action(stream, headers, argument)
})
server.on('error', error => { throw error })
process.stdin.on('end', () => process.exit(0)).resume()
server.listen(0, '127.0.0.1', () => tell({ port: server.address().port }))
