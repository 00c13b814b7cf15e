// A real OpenID provider: it signs access tokens with the first of its keys, publishes all of them, may
// change them while it runs, and may be gone for a while.

import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'

import { Provider } from 'oidc-provider'

import { request } from './http.ts'

export const AUDIENCE = 'urn:files'
export const CLIENT = { client_id: 'reader', client_secret: 'Kd8-sWq2_vTn5Zx7' }

export interface OpenId extends AsyncDisposable {
  readonly url: string
  /** Paths, in the order in which they were asked for. */
  readonly asked: readonly string[]
  /** New tokens are signed with the first key; the others are published beside it. */
  useKeys(...ids: string[]): void
  /** By client credentials. */
  token(): Promise<string>
  /** Nobody answers any more, at this address. */
  leave(): Promise<void>
  comeBack(): Promise<void>
}

export async function openOpenId(...ids: string[]): Promise<OpenId> {
  const asked: string[] = []
  const keys = new Map<string, object>()
  let answer: RequestListener = () => undefined
  const server = createServer((incoming, response) => {
    asked.push(incoming.url ?? '')
    answer(incoming, response)
  })
  const port = await listen(server, 0)
  const url = `http://127.0.0.1:${port}`
  const useKeys = (...wanted: string[]): void => {
    answer = providerOf(
      url,
      wanted.map((id) => keyOf(id, keys)),
    ).callback()
  }
  const leave = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  useKeys(...ids)
  return {
    url,
    asked,
    useKeys,
    token: () => tokenFrom(url),
    leave,
    comeBack: async () => void (await listen(server, port)),
    [Symbol.asyncDispose]: leave,
  }
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  // A listening server has one.
  return (server.address() as AddressInfo).port
}

function keyOf(id: string, known: Map<string, object>): object {
  const key = known.get(id) ?? {
    ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }),
    kid: id,
    use: 'sig',
    alg: 'RS256',
  }
  known.set(id, key)
  return key
}

function providerOf(url: string, keys: readonly object[]): Provider {
  return new Provider(url, {
    jwks: { keys },
    clients: [
      { ...CLIENT, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
    ],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        getResourceServerInfo: () => ({
          scope: 'read',
          audience: AUDIENCE,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  })
}

async function tokenFrom(url: string): Promise<string> {
  const { client_id: id, client_secret: secret } = CLIENT
  const { status, text } = await request(`${url}/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: 'grant_type=client_credentials&scope=read',
  })
  const { access_token: token }: { access_token?: unknown } = JSON.parse(text)
  if (status !== 200 || typeof token !== 'string') throw new Error(`no token: ${text}`)
  return token
}
