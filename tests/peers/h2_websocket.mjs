#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// h2_websocket.mjs PORT HEADERS [EARLY] - a client's end of what follows an extended CONNECT (RFC 8441).
//
// Waits for the settings, asks with HEADERS (JSON), sends EARLY (hex) at once, and says one line: {offered, headers},
// or {offered, code} when the stream was reset before. Then the bytes of the stream and those of standard input,
// which is a socket, are each other's.
import http2 from 'node:http2'
import net from 'node:net'

const [, , port, headers, early] = process.argv
const say = what => process.stdout.write(JSON.stringify(what) + '\n')
const raw = new net.Socket({ fd: 0, allowHalfOpen: true })
const session = http2.connect(`http://127.0.0.1:${port}`)
raw.on('error', () => {})
session.on('error', () => {})
session.on('close', () => raw.end())

session.once('remoteSettings', settings => {
  const offered = settings.enableConnectProtocol
  const stream = session.request(JSON.parse(headers), { endStream: false })
  let isOpen = false
  stream.on('response', answer => {
    isOpen = true
    say({ offered, headers: { ...answer } })
    stream.pipe(raw)
    raw.pipe(stream)
  })
  stream.on('error', () => {})
  stream.on('close', () => {
    if (!isOpen) say({ offered, code: stream.rstCode })
    session.close()
  })
  if (early) stream.write(Buffer.from(early, 'hex'))
})
