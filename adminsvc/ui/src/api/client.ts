import { ApiError, errorOf } from './errors'
import type { paths } from './schema'

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'
type Operation<P extends keyof paths, M extends Method> = NonNullable<paths[P][M]>
/** The paths that answer a method. */
export type PathOf<M extends Method> = { [P in keyof paths]: [Operation<P, M>] extends [never] ? never : P }[keyof paths]
type Json<R> = R extends { content: { 'application/json': infer T } } ? T : undefined
export type Reply<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { responses: infer R } ? (200 extends keyof R ? Json<R[200]> : 201 extends keyof R ? Json<R[201]> : undefined) : never
type Params<O> = O extends { parameters: { query?: infer Q; path?: infer S } } ? ([NonNullable<Q>] extends [never] ? object : Partial<NonNullable<Q>>) & ([NonNullable<S>] extends [never] ? object : NonNullable<S>) : object
export type ParamsOf<P extends keyof paths, M extends Method> = Params<Operation<P, M>>
export type BodyOf<P extends keyof paths, M extends Method> = Operation<P, M> extends { requestBody?: { content: { 'application/json': infer B } } } ? B : undefined

/** Who hears that the session may be over. */
let ended: () => void = () => {}
export const onSignedOut = (f: () => void) => void (ended = f)

/** Fills {name} of a path and puts the rest into the query; absent and empty parameters are left out. */
export function address(path: string, params: Record<string, unknown> = {}): string {
  const query = new URLSearchParams()
  let at = path
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || value === null || value === '') continue
    if (at.includes(`{${name}}`)) at = at.replace(`{${name}}`, encodeURIComponent(String(value)))
    else if (Array.isArray(value)) query.set(name, value.join(','))
    else query.set(name, String(value))
  }
  const q = query.toString()
  return q ? `${at}?${q}` : at
}

/** Sends a request as the signed-in user and returns the answer whatever its status; a lost connection is an ApiError. */
export async function send(method: string, at: string, init: { body?: unknown; signal?: AbortSignal; headers?: Record<string, string> } = {}): Promise<Response> {
  try {
    const reply = await fetch(at, {
      method,
      credentials: 'same-origin',
      // The session's cookie travels by itself; the header says that this page asked, and no other site.
      headers: { 'X-Requested-With': 'purser-ui', ...(init.body === undefined ? {} : { 'Content-Type': 'application/json' }), ...init.headers },
      body: init.body === undefined ? undefined : JSON.stringify(init.body),
      signal: init.signal,
    })
    // It may also be what was sent that is not known, as a used invitation: GET /session tells, and is not asked because of itself.
    if (reply.status === 401 && at !== '/session') ended()
    return reply
  } catch (e) {
    if (init.signal?.aborted) throw e
    throw new ApiError(0, 'Purser cannot be reached.', 'network', null)
  }
}

/** The answer's body, or an ApiError. */
export async function read(reply: Response): Promise<unknown> {
  const text = await reply.text()
  let body: unknown = null
  try {
    body = text ? JSON.parse(text) : null
  } catch {
    body = { detail: text.slice(0, 300) }
  }
  if (reply.ok) return body
  throw errorOf(reply.status, body)
}

/** One call of the API, typed by its OpenAPI document. */
export async function call<M extends Method, P extends PathOf<M>>(
  method: M,
  path: P,
  options: { params?: ParamsOf<P, M>; body?: BodyOf<P, M>; signal?: AbortSignal } = {},
): Promise<Reply<P, M>> {
  const reply = await send(method.toUpperCase(), address(path as string, options.params as Record<string, unknown>), { body: options.body, signal: options.signal })
  return (await read(reply)) as Reply<P, M>
}
