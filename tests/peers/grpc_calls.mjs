#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// grpc_calls.mjs GATEWAY_PORT UPSTREAM_PORT - the four kinds of calls, by the stock client and server.
//
// The server listens here; the gateway has it as its upstream. PEERS is the folder with node_modules.
import assert from 'node:assert'
import { createRequire } from 'node:module'

const grpc = createRequire(`${process.env.PEERS}/peers.js`)('@grpc/grpc-js')
const [, , gatewayPort, upstreamPort] = process.argv
const bytes = b => b
const method = (name, requestStream, responseStream) => ({
  path: `/test.Calls/${name}`, requestStream, responseStream,
  requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes,
})
const service = {
  One: method('One', false, false), Many: method('Many', false, true),
  Sum: method('Sum', true, false), Talk: method('Talk', true, true), Never: method('Never', false, false),
}
const cancelled = []

const server = new grpc.Server()
server.addService(service, {
  One: (call, done) => {
    const trailer = new grpc.Metadata()
    trailer.set('x-trailer', call.metadata.get('x-header')[0] || 'none')
    if (call.request.toString() === 'fail') {
      done({ code: grpc.status.ALREADY_EXISTS, details: 'there: ü', metadata: trailer })
    } else {
      done(null, call.request, trailer)
    }
  },
  Many: call => {
    for (let i = 0; i < 500; i++) call.write(Buffer.alloc(i, 'm'))
    call.end()
  },
  Sum: (call, done) => {
    let sum = 0
    call.on('data', part => { sum += part.length })
    call.on('end', () => done(null, Buffer.from(String(sum))))
  },
  Talk: call => {
    call.on('data', part => call.write(part))
    call.on('end', () => call.end())
  },
  Never: call => { call.on('cancelled', () => cancelled.push(call.request.toString())) },
})
await new Promise((resolve, reject) => server.bindAsync(`127.0.0.1:${upstreamPort}`,
  grpc.ServerCredentials.createInsecure(), error => error ? reject(error) : resolve()))
const Calls = grpc.makeGenericClientConstructor(service, 'Calls')
const client = new Calls(`127.0.0.1:${gatewayPort}`, grpc.credentials.createInsecure())

const one = (name, message, metadata = new grpc.Metadata(), options = {}) => new Promise(resolve => {
  const got = {}
  const call = client[name](Buffer.from(message), metadata, options, (error, value) => {
    Object.assign(got, { error, value })
  })
  call.on('status', status => resolve({ ...got, status, call }))
})
const all = stream => new Promise((resolve, reject) => {
  const parts = []
  stream.on('data', part => parts.push(part))
  stream.on('error', reject)
  stream.on('end', () => resolve(parts))
})
const until = async condition => {
  while (!condition()) await new Promise(resolve => setTimeout(resolve, 10))
}

const header = new grpc.Metadata()
header.set('x-header', 'yes')
const answer = await one('One', 'hello', header)
assert.equal(answer.value.toString(), 'hello')
assert.deepEqual(answer.status.metadata.get('x-trailer'), ['yes'])
const failed = await one('One', 'fail')
assert.equal(failed.error.code, grpc.status.ALREADY_EXISTS)
assert.equal(failed.error.details, 'there: ü')

assert.deepEqual((await all(client.Many(Buffer.alloc(0)))).map(p => p.length), [...Array(500).keys()])

const sum = await new Promise((resolve, reject) => {
  const call = client.Sum((error, value) => error ? reject(error) : resolve(value))
  for (let i = 0; i < 500; i++) call.write(Buffer.alloc(1000))
  call.end()
})
assert.equal(sum.toString(), '500000')

const talk = client.Talk()
for (let i = 0; i < 50; i++) {
  talk.write(Buffer.from(`m${i}`))
  const said = await new Promise(resolve => talk.once('data', resolve))
  assert.equal(said.toString(), `m${i}`)
}
const over = all(talk)
talk.end()
await over

const late = await one('Never', 'late', new grpc.Metadata(), { deadline: Date.now() + 300 })
assert.equal(late.error.code, grpc.status.DEADLINE_EXCEEDED)
await until(() => cancelled.includes('late'))
const call = client.Never(Buffer.from('unwanted'), () => {})
call.on('error', () => {})
setTimeout(() => call.cancel(), 200)
await until(() => cancelled.includes('unwanted'))

const together = await Promise.all(Array.from({ length: 200 }, (_, i) => one('One', `c${i}`)))
assert.deepEqual(together.map(a => a.value?.toString()), together.map((_, i) => `c${i}`))

server.forceShutdown()
const gone = await one('One', 'x', new grpc.Metadata(), { deadline: Date.now() + 10000 })
assert.equal(gone.error.code, grpc.status.UNAVAILABLE)
client.close()
