/** Names for containers that were given none: an adjective and a boat, a river or a rower's word. */

const ADJECTIVES = 'able ample bold brave breezy bright brisk calm careful cheerful clever coastal cool daring eager early easy fair fast fine fleet fond free fresh gentle glad golden good grand happy hardy keen kind lean light lively loyal lucky mellow merry mild modest neat nimble noble patient plain polite proud quick quiet ready sharp silent silver simple sleek smooth snug sober solid spry steady still stout strong sunny sure swift tidy trim true trusty upbeat vivid warm wise witty young zesty'.split(' ');
const NOUNS = 'anchor bay beacon boat bow brook buoy cabin canal canoe cape catamaran channel coast compass coracle cove coxswain creek current cutter delta dinghy dock dory drift eddy estuary ferry fjord float gig gondola gull harbor helm heron inlet island jetty kayak keel knot lagoon lake lighthouse lock marina mast moor oar otter paddle pier pond pontoon port pram quay raft rapid reed reef regatta ripple river rower rudder sail salmon shell shoal shore sculler skiff sloop sound stern stream stroke sweep swan tide tiller trout wake wave weir wharf wherry yawl'.split(' ');

/** A name such as `swift_otter`; with `attempt` above 4, a number is added. */
export function inventName(attempt: number): string {
  const pick = (words: readonly string[]): string => words[Math.floor(Math.random() * words.length)] as string;
  const name = `${pick(ADJECTIVES)}_${pick(NOUNS)}`;
  return attempt > 4 ? `${name}${Math.floor(Math.random() * 10_000)}` : name;
}
