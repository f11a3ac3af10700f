import t from 'tap'
import {
  type BindOptions,
  type BoundFilter,
  bindFilter,
  groupType,
  type JsonObject,
  matches,
  parseFilter,
  type ResourceType,
  userType,
} from '../../../../protocols/scim/index.ts'
import { refusalOf } from '../../../support/scim-filters.ts'

const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'

const bjensen: JsonObject = {
  schemas: ['urn:ietf:params:scim:schemas:core:2.0:User', enterprise],
  id: '2819c223-7f76-453a-919d-413861904646',
  externalId: 'bJensen',
  userName: 'bJensen@example.com',
  name: { formatted: 'Ms. Barbara J Jensen', familyName: 'Jensen', givenName: 'Barbara' },
  nickName: '',
  title: 'Tour Guide',
  active: true,
  emails: [
    { value: 'bjensen@example.com', type: 'work', primary: true },
    { value: 'babs@jensen.org', type: 'home' },
  ],
  phoneNumbers: [],
  groups: [{ value: 'g1', display: 'Tour Guides', type: 'direct' }],
  [enterprise]: { employeeNumber: '701984', manager: { value: 'm1', displayName: 'John Smith' } },
  meta: {
    resourceType: 'User',
    created: '2010-01-23T04:56:22Z',
    lastModified: '2011-05-13T04:42:34.5Z',
    version: 'W/"1"',
  },
}

function bind(text: string, type: ResourceType = userType, options: BindOptions = {}): BoundFilter {
  return bindFilter(parseFilter(text, options), type, options)
}

await t.test('RFC 7644 §3.4.2.2: what a filter says of a resource', async (t) => {
  const table: readonly (readonly [string, boolean])[] = [
    ['userName eq "BJENSEN@example.com"', true],
    ['USERNAME eq "bjensen@example.com"', true],
    ['externalId eq "bjensen"', false],
    ['externalId eq "bJensen"', true],
    ['id eq "2819C223-7f76-453a-919d-413861904646"', false],
    ['userName ne "x"', true],
    ['userName co "JENSEN"', true],
    ['userName sw "bj"', true],
    ['userName ew ".COM"', true],
    ['title gt "Sales"', true],
    ['title lt "Sales"', false],
    ['title ge "tour guide"', true],
    ['title le "TOUR GUIDE"', true],
    ['active eq true', true],
    ['active ne true', false],
    // dateTime is compared as time
    ['meta.lastModified gt "2011-05-13T04:42:34Z"', true],
    ['meta.lastModified eq "2011-05-13T06:42:34.500+02:00"', true],
    ['meta.created lt "2010-01-23T04:56:22Z"', false],
    ['meta.created le "2010-01-23T04:56:22Z"', true],
    // RFC 7643 §2.5: unassigned, null, empty
    ['displayName pr', false],
    ['nickName pr', false],
    ['phoneNumbers pr', false],
    ['name pr', true],
    ['emails pr', true],
    ['displayName eq null', true],
    ['title eq null', false],
    ['title ne null', true],
    ['nickName eq ""', true],
    ['displayName ne "x"', true],
    ['displayName co "x"', false],
    ['displayName gt "a"', false],
    ['phoneNumbers.value ne "1"', true],
    ['phoneNumbers[value ne "1"]', false],
    // any value of a multi-valued attribute, and its parts together in brackets
    ['emails.type eq "home"', true],
    ['emails co "babs"', true],
    ['emails.value ew "jensen.org" and emails.type eq "work"', true],
    ['emails[value ew "jensen.org" and type eq "work"]', false],
    ['emails[value ew "jensen.org" and type eq "home"]', true],
    ['emails[not (type eq "work")]', true],
    ['emails[primary pr]', true],
    ['emails[primary eq true and type ne "work"]', false],
    ['emails.value eq "nobody@example.com"', false],
    ['emails.value ne "bjensen@example.com"', false],
    ['schemas eq "urn:ietf:params:scim:schemas:core:2.0:User"', true],
    [`schemas[value eq "${enterprise}"]`, true],
    // what Entra sends
    ['emails[type eq "work"].value eq "BJENSEN@example.com"', true],
    ['emails[type eq "home"].value eq "bjensen@example.com"', false],
    ['emails[type eq "home"].value ne "bjensen@example.com"', true],
    ['emails[type eq "other"].value ne "bjensen@example.com"', true],
    ['emails[type eq "other"].value eq null', true],
    ['emails[type eq "work"].display pr', false],
    ['manager eq "m1"', true],
    // extensions, with and without their URI
    [`${enterprise}:employeeNumber eq "701984"`, true],
    [`${enterprise}:manager.displayName sw "john"`, true],
    ['employeeNumber eq "701984"', true],
    [`${enterprise}:department pr`, false],
    [`not (${enterprise}:department eq "x")`, true],
  ]
  for (const [filter, expected] of table) t.equal(matches(bind(filter), bjensen), expected, filter)
})

await t.test('order is by code point, as the bytes of UTF-8 sort', async (t) => {
  const resource = { userName: '\u{1f600}' }
  t.equal(matches(bind('userName gt "\uffee"'), resource), true)
})

await t.test('RFC 7644 §3.4.2.2: operator, type and value must fit each other', async (t) => {
  const refused = [
    'active gt true',
    'active co "t"',
    'active eq "true"',
    'active eq 1',
    'userName eq 5',
    'userName eq true',
    'userName co null',
    'title gt null',
    'meta.created co "2010"',
    'meta.created eq "yesterday"',
    'meta.created eq "2010-13-01T00:00:00Z"',
    'meta.created gt 5',
    'x509Certificates.value gt "a"',
    'name eq "Barbara"',
    'addresses co "x"',
    'meta eq "x"',
    'title[value eq "x"]',
    'name[familyName eq "Jensen"]',
    'emails.value[type eq "work"]',
    'emails[nothing eq "x"]',
    'emails[emails.type eq "work"]',
    'emails[type eq "work"].nothing eq "x"',
    'nothing pr',
    'name.nothing pr',
    'userName.value pr',
    'members pr',
    'urn:ietf:params:scim:schemas:core:2.0:Group:displayName pr',
    `${enterprise}:userName pr`,
  ]
  for (const filter of refused) {
    t.match(
      refusalOf(() => bind(filter)),
      { status: 400, scimType: 'invalidFilter' },
      filter,
    )
  }
  t.equal(bind('members.type eq "User"', groupType).kind, 'some')
})

await t.test('RFC 7643 §7: what is never returned can not be asked for', async (t) => {
  for (const filter of [
    'password pr',
    'password eq "x"',
    'password eq null',
    'not (password pr)',
  ]) {
    t.match(
      refusalOf(() => bind(filter)),
      { scimType: 'invalidFilter' },
      filter,
    )
  }
})

await t.test(
  'lenient: quoted booleans and bare numbers are taken for what they should be',
  async (t) => {
    const lenient = { isLenient: true }
    t.equal(matches(bind('active eq "True"', userType, lenient), bjensen), true)
    t.equal(matches(bind('active eq False', userType, lenient), bjensen), false)
    t.equal(matches(bind('employeeNumber eq 701984', userType, lenient), bjensen), true)
    // As Microsoft's collection for testers has it: no quotes, and seven digits after the point.
    const since = 'meta.Created gt 2009-10-10T14:38:21.8617979-07:00'
    t.equal(matches(bind(since, userType, lenient), bjensen), true)
    t.match(
      refusalOf(() => bind('active eq "yes"', userType, lenient)),
      { scimType: 'invalidFilter' },
    )
  },
)

await t.test('what other types have is absent where it is known elsewhere', async (t) => {
  const options = { isKnownElsewhere: () => true }
  t.equal(matches(bind('members pr', userType, options), bjensen), false)
  t.equal(matches(bind('members ne "x"', userType, options), bjensen), true)
  t.equal(matches(bind('members[value eq "x"]', userType, options), bjensen), false)
})
