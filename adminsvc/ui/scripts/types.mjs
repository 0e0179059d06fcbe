// Writes src/api/schema.d.ts from openapi.json: `paths` and `components`, in openapi-typescript's form. Our document
// uses little of JSON Schema, and the compiler that openapi-typescript needs is larger than everything else here.
import { readFileSync, writeFileSync } from 'node:fs'

const api = JSON.parse(readFileSync('openapi.json', 'utf8'))
const name = (s) => (/^[A-Za-z_$][\w$]*$/.test(s) ? s : JSON.stringify(s))
const scalars = { string: 'string', integer: 'number', number: 'number', boolean: 'boolean', null: 'null' }

function type(s) {
  if (!s || typeof s !== 'object') return 'unknown'
  if (s.$ref) return `components["schemas"][${JSON.stringify(s.$ref.split('/').pop())}]`
  if (s.enum) return s.enum.map((v) => JSON.stringify(v)).join(' | ')
  const any = s.anyOf ?? s.oneOf
  if (any) return any.map(type).join(' | ')
  if (s.allOf) return s.allOf.map(type).join(' & ')
  const types = [s.type ?? (s.properties ? 'object' : s.items ? 'array' : [])].flat()
  return types.map((t) => {
    if (t === 'array') return `(${type(s.items)})[]`
    if (t === 'object') return object(s)
    if (scalars[t]) return scalars[t]
    throw new Error(`a type that this generator does not know: ${t}`)
  }).join(' | ') || 'unknown'
}

function object(s) {
  const fields = Object.entries(s.properties ?? {})
  const more = s.additionalProperties
  if (!fields.length) return `{ [name: string]: ${more && typeof more === 'object' ? type(more) : 'unknown'} }`
  const own = fields.map(([k, v]) => `${name(k)}${s.required?.includes(k) ? '' : '?'}: ${type(v)}`).join('; ')
  return `{ ${own} }${more ? ' & { [name: string]: unknown }' : ''}`
}

const content = (c) => `{ content: { ${Object.entries(c ?? {}).map(([kind, m]) => `${JSON.stringify(kind)}: ${type(m.schema)}`).join('; ')} } }`

function operation(op) {
  const of = (where) => {
    const list = (op.parameters ?? []).filter((p) => p.in === where)
    return list.length ? `{ ${[...new Map(list.map((p) => [p.name, `${name(p.name)}${p.required ? '' : '?'}: ${type(p.schema)}`])).values()].join('; ')} }` : 'never'
  }
  const [query, path] = [of('query'), of('path')]
  const parameters = `{ ${query === 'never' ? 'query?: never' : `query?: ${query}`}; ${path === 'never' ? 'path?: never' : `path: ${path}`} }`
  const body = op.requestBody ? `requestBody${op.requestBody.required ? '' : '?'}: ${content(op.requestBody.content)}` : 'requestBody?: never'
  const replies = Object.entries(op.responses).filter(([code]) => /^2\d\d$/.test(code)).map(([code, r]) => `${code}: ${content(r.content)}`)
  return `{ parameters: ${parameters}; ${body}; responses: { ${replies.join('; ')} } }`
}

const methods = ['get', 'post', 'put', 'patch', 'delete']
const lines = ['// Made from the API’s own description by scripts/types.mjs. Do not edit.', 'export interface paths {']
for (const [path, item] of Object.entries(api.paths)) {
  lines.push(`  ${JSON.stringify(path)}: {`, ...methods.map((m) => (item[m] ? `    ${m}: ${operation(item[m])}` : `    ${m}?: never`)), '  }')
}
lines.push('}', 'export interface components {', '  schemas: {', ...Object.entries(api.components.schemas).map(([k, s]) => `    ${name(k)}: ${type(s)}`), '  }', '}', '')
writeFileSync('src/api/schema.d.ts', lines.join('\n'))
