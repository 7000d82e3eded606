#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// h2_client.mjs PORT - an HTTP/2 client for tests: one connection, clear text, by prior knowledge.
//
// Reads one request a line, {id, headers, body, trailers, cancelMs}, and says one line of what came of it,
// {id, headers, body, trailers, code}. Requests do not wait for each other. Bodies are latin1.
import http2 from 'node:http2'
import { createInterface } from 'node:readline'

const session = http2.connect(`http://127.0.0.1:${process.argv[2]}`)
const say = what => process.stdout.write(JSON.stringify(what) + '\n')
session.on('error', error => say({ error: error.message }))
session.on('goaway', code => say({ goaway: code }))

const ask = ({ id, headers, body, cancelMs }) => {
  const got = { id, headers: {}, body: '', trailers: {}, code: null }
  const stream = session.request(headers, { endStream: body === undefined })
  if (body !== undefined) stream.end(Buffer.from(body, 'latin1'))
  if (cancelMs !== undefined) setTimeout(() => stream.close(8), cancelMs)
  stream.setEncoding('latin1')
  stream.on('response', h => { got.headers = { ...h } })
  stream.on('trailers', h => { got.trailers = { ...h } })
  stream.on('data', part => { got.body += part })
  stream.on('error', () => {})
  stream.on('close', () => say({ ...got, code: stream.rstCode }))
}

createInterface({ input: process.stdin })
  .on('line', line => ask(JSON.parse(line)))
  .on('close', () => session.close(() => process.exit(0)))
