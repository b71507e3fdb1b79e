// Reads {page, currency, file, requests, together} from stdin, writes what Prebid's own price floors module answers to
// each request: a value by field, each in an auction of its own, or all `together` in one.
import { readFileSync } from 'node:fs';

const { page, currency, file, requests, together } = JSON.parse(readFileSync(0, 'utf8'));
const OWN = ['adUnitCode', 'size', 'mediaType', 'domain', 'gptSlot'];

const nothing = () => {};
const element = () => ({ style: {}, setAttribute: nothing, appendChild: nothing, addEventListener: nothing });
const location = new URL(page);
Object.assign(globalThis, {
  window: globalThis, self: globalThis, top: globalThis, parent: globalThis, location,
  addEventListener: nothing, removeEventListener: nothing,
  document: {
    ...element(), location, referrer: '', head: element(), documentElement: element(), createElement: kind => (kind === 'a' ? new URL(page) : element()),
    querySelector: () => null, querySelectorAll: () => [], getElementsByTagName: () => [],
  },
});

const floors = await import('./node_modules/prebid.js/dist/src/modules/priceFloors.js');

// A field that Prebid.js does not know itself is a function of the page's: here it reads the request.
const fields = file.modelGroups.flatMap(group => group.schema.fields).filter(field => !OWN.includes(field));
const additionalSchemaFields = Object.fromEntries(fields.map(field => [field, bid => bid.asked[field]]));
floors.handleSetFloorsConfig({ enabled: true, additionalSchemaFields, data: file });

const answers = requests.map((asked, n) => {
  const code = asked.adUnitCode ?? '*'; // a page knows its ad units: one without a code is none of the file's
  const bid = { bidder: 'any', adUnitCode: code, asked, mediaTypes: {} };
  const adUnits = [{ code, bids: [bid] }];
  const auctionId = together ? 'auction' : `auction-${n}`;
  const known = floors._floorDataForAuction[auctionId];
  floors.continueAuction({ reqBidsConfigObj: { auctionId, adUnits }, nextFn: nothing, context: null });
  if (known) floors._floorDataForAuction[auctionId] = known; // an auction remembers what it has looked up
  const size = asked.size ? asked.size.split('x').map(Number) : '*';
  // An auction that is skipped has no floors: its bids have no such function.
  const answer = bid.getFloor?.({ currency, mediaType: asked.mediaType ?? '*', size }) ?? {};
  return { ...answer, modelVersion: bid.floorData.modelVersion, skipped: bid.floorData.skipped };
});
process.stdout.write(JSON.stringify(answers), () => process.exit(0));
