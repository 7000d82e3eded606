#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// grpc_status.mjs PORT - what the stock client makes of the calls that it is told to make, one at a time.
//
// A line of stdin is a call as JSON: {path, deadline, metadata, lingers}: a deadline in milliseconds, and whether its
// request ends only when the first message has come. A line of stdout for each: {status, details, messages}. PEERS is the folder with node_modules.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const grpc = createRequire(`${process.env.PEERS}/peers.js`)('@grpc/grpc-js')
const client = new grpc.Client(`127.0.0.1:${process.argv[2]}`, grpc.credentials.createInsecure())
const names = Object.fromEntries(Object.entries(grpc.status).map(([name, code]) => [code, name]))
const bytes = b => b

const make = ({ path, deadline, metadata = {}, lingers }) => new Promise(resolve => {
  const fields = new grpc.Metadata()
  for (const [name, value] of Object.entries(metadata)) fields.set(name, value)
  const call = client.makeBidiStreamRequest(path, bytes, bytes, fields,
    deadline ? { deadline: Date.now() + deadline } : {})
  const messages = []
  call.on('data', message => {
    messages.push(message.toString())
    if (lingers) call.end()
  })
  call.on('error', () => {})
  call.write(Buffer.alloc(0))
  if (!lingers) call.end()
  call.on('status', ({ code, details }) => resolve({ status: names[code], details, messages }))
})

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await make(JSON.parse(line))) + '\n')
}
client.close()
