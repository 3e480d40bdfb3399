// Drives the npm package xen-api against a pool and prints what it saw as one line of JSON.
// usage: node xen_api.mjs SCENARIO   with a JSON object on standard input: module, url, user, password, ...

import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const given = JSON.parse(readFileSync(0, 'utf8'))
const { createClient } = await import(pathToFileURL(given.module).href)

const newClient = () =>
  createClient({ url: given.url, auth: { user: given.user, password: given.password }, debounce: 10 })

// Resolves with the object once its record, as the events have it, fulfils the condition.
const once = (client, id, condition) =>
  new Promise(resolve => {
    const look = () => {
      const object = client.getObject(id)
      if (condition(object)) {
        client.objects.removeListener('update', look)
        client.objects.removeListener('finish', look)
        resolve(object)
      }
    }
    client.objects.on('update', look)
    client.objects.on('finish', look)
    look()
  })

const objectsOf = (client, type) => Object.values(client.objects.indexes.type[type] ?? {})

const scenarios = {
  async list(client) {
    return {
      pool: client.pool.name_label,
      master: client.pool.$master.name_label,
      hosts: objectsOf(client, 'host').map(host => host.name_label).sort(),
      vms: objectsOf(client, 'VM')
        .filter(vm => vm.power_state === 'Running' && !vm.is_control_domain)
        .map(vm => vm.name_label)
        .sort(),
      types: Object.keys(client.objects.indexes.type).sort(),
      memory: typeof objectsOf(client, 'VM')[0].memory_static_max,
    }
  },

  async change(client) {
    const description = 'changed by a stranger'
    const host = client.getObject(given.host)
    await Promise.all([
      once(client, given.host, host => host.name_description === description),
      client.setField('host', host.$ref, 'name_description', description),
    ])
    await Promise.all([
      once(client, client.pool.$id, pool => pool.other_config.stranger === 'was here'),
      client.setFieldEntry('pool', client.pool.$ref, 'other_config', 'stranger', 'was here'),
    ])
    return { description: client.getObject(given.host).name_description, config: client.pool.other_config.stranger }
  },

  async migrate(client) {
    const vm = client.getObject(given.vm)
    const target = client.getObject(given.host)
    const from = vm.$resident_on.name_label
    const [moved, result] = await Promise.all([
      once(client, given.vm, vm => vm.resident_on === target.$ref),
      client.callAsync('VM.pool_migrate', vm.$ref, target.$ref, { live: 'true' }),
    ])
    return { from, to: moved.$resident_on.name_label, state: moved.power_state, result }
  },

  async backup(client) {
    const response = await client.getResource('/pool/xmldbdump')
    const dump = await response.body.text()
    return { type: response.headers['content-type'], dump }
  },

  async refused(client) {
    const codes = []
    for (const [method, ...params] of given.calls) {
      codes.push(await client.call(method, ...params).then(() => 'ok', error => [error.code, ...(error.params ?? [])]))
    }
    return codes
  },
}

const client = newClient()
await client.connect()
await client.objectsFetched
// It subscribes to events only now; what the pool sends by itself now and then shows that this is done.
await new Promise(resolve => client.objects.once('update', resolve))
const seen = JSON.stringify(await scenarios[process.argv[2]](client))
await client.disconnect()
process.stdout.write(seen + '\n', () => process.exit(0))
