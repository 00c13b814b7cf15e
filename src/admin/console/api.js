// Sluice, asked over its operations listener. The token lives in this tab and goes nowhere but into
// the Authorization field.

const PLACE = 'sluice-console-token'
const ROLES = ['viewer', 'purger', 'operator']

export class Refused extends Error {
  constructor(status, code, message) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** Who sits here; undefined before it is known. */
let caller

export function heldToken() {
  return sessionStorage.getItem(PLACE) ?? ''
}

export function whoIsHere() {
  return caller
}

/** Throws unless the token is good for a role. */
export async function signIn(token) {
  const found = await send('GET', 'whoami', {}, token)
  sessionStorage.setItem(PLACE, token)
  caller = found
  return found
}

export function signOut() {
  sessionStorage.removeItem(PLACE)
  caller = undefined
}

export function may(role) {
  return ROLES.indexOf(caller?.role) >= ROLES.indexOf(role)
}

/** Below /admin/; gives the answer, or throws the refusal. */
export function ask(method, path, options = {}) {
  return send(method, path, options, heldToken())
}

async function send(method, path, { query, body, signal }, token) {
  const url = new URL(`../admin/${path}`, document.baseURI)
  url.search = query === undefined ? '' : String(new URLSearchParams(query))
  const response = await fetch(url, {
    method,
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    credentials: 'omit',
    cache: 'no-store',
    referrerPolicy: 'no-referrer',
    redirect: 'error',
    signal,
  })
  const answer = await response.json().catch(() => ({}))
  // A purge that holds but is not sure of it answers 503 with its own state.
  if (response.ok || typeof answer.entries === 'number') return answer
  const { error = 'unknown', message = `answered ${response.status}` } = answer
  throw new Refused(response.status, error, message)
}
