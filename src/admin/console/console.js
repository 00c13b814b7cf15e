// The page as a whole: who is here, which view is open, and what is asked again and again.

import { ask, heldToken, Refused, signIn, signOut } from './api.js'
import { config } from './config.js'
import { byId } from './dom.js'
import { explain, listenToExplain } from './explain.js'
import { objects } from './objects.js'
import { overview } from './overview.js'
import { listenToPrewarm, prewarm } from './prewarm.js'
import { listenToPurge, purge } from './purge.js'

const VIEWS = { overview, objects, purge, prewarm, explain, config }

/** Why the page begins anew, until it has. */
const REASON = 'sluice-console-reason'

let isPaused = false
let isHere = false
/** Ends what the view before asked for. */
let leaving = new AbortController()
/** Where the trouble came from that is being told of. */
let complaint

byId('sign-in-form').addEventListener('submit', (event) => {
  event.preventDefault()
  const token = byId('token').value
  byId('token').value = ''
  void enter(token)
})
byId('sign-out').addEventListener('click', () => leave(''))
byId('pause').addEventListener('click', () => {
  isPaused = !isPaused
  byId('pause').setAttribute('aria-pressed', String(isPaused))
})
addEventListener('hashchange', () => {
  if (isHere && location.hash.slice(1) in VIEWS) void openView(true)
})
listenToPurge(run)
listenToPrewarm(run)
listenToExplain(run)

const left = sessionStorage.getItem(REASON) ?? ''
sessionStorage.removeItem(REASON)
if (heldToken() === '') leave(left)
else void enter(heldToken())

async function enter(token) {
  try {
    const { role, subject } = await signIn(token)
    byId('role').textContent = role
    byId('role').title = subject
  } catch (error) {
    leave(reasonOf(error))
    return
  }
  isHere = true
  complain('')
  byId('sign-in').hidden = true
  byId('views').hidden = false
  byId('who').hidden = false
  await openView(false)
}

/** Nothing of what was seen stays behind. */
function leave(reason) {
  const wasHere = isHere
  isHere = false
  leaving.abort()
  signOut()
  if (wasHere) {
    // The page anew: what it showed goes with it.
    sessionStorage.setItem(REASON, reason)
    location.reload()
    return
  }
  for (const name of Object.keys(VIEWS)) byId(name).hidden = true
  byId('views').hidden = true
  byId('who').hidden = true
  byId('sign-in').hidden = false
  complain(reason)
  byId('token').focus()
}

async function openView(isChosen) {
  const wanted = location.hash.slice(1)
  const name = Object.hasOwn(VIEWS, wanted) ? wanted : 'overview'
  leaving.abort()
  leaving = new AbortController()
  const { signal } = leaving
  complain('')
  for (const other of Object.keys(VIEWS)) byId(other).hidden = other !== name
  for (const link of byId('views').children) {
    if (link.hash === `#${name}`) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  const title = byId(`${name}-title`)
  document.title = `${title.textContent} – Sluice console`
  if (isChosen) title.focus()
  const view = VIEWS[name]
  await run(async () => {
    const { buckets = [] } = await ask('GET', 'routes', { signal })
    view.open(buckets)
  }, signal)
  await keepFresh(view, signal)
}

async function keepFresh(view, signal) {
  while (!signal.aborted && view.refresh !== undefined) {
    if (!isPaused && !document.hidden) await run(() => view.refresh(signal), signal)
    if (view.everyMs === undefined) return
    await new Promise((resolve) => setTimeout(resolve, view.everyMs))
  }
}

/** What goes wrong is said; whoever is not known any more signs in again. */
async function run(work, signal) {
  const source = signal === undefined ? 'order' : 'look'
  if (source === 'order') complain('')
  try {
    await work()
    // What came of an order stands until the next one, however often is looked again.
    if (complaint === source) complain('')
  } catch (error) {
    if (signal?.aborted) return
    if (error instanceof Refused && error.status === 401) leave(reasonOf(error))
    else complain(reasonOf(error), source)
  }
}

function complain(reason, source) {
  const place = byId('trouble')
  complaint = reason === '' ? undefined : source
  place.hidden = reason === ''
  if (place.textContent !== reason) place.textContent = reason
}

function reasonOf(error) {
  if (error instanceof Refused) return `${error.message} (${error.status} ${error.code})`
  return 'Sluice does not answer.'
}
