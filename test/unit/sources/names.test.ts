import fc from 'fast-check'
import t from 'tap'
import {
  chooseNames,
  fallbackName,
  GROUP_NAME_PATTERN,
  groupNameBase,
  numberedName,
  prepareUsername,
  USERNAME_MAX,
  USERNAME_PATTERN,
  usernameBase,
} from '../../../src/directory/names.ts'

function fromUpn(userPrincipalName: string): string {
  return usernameBase({ userPrincipalName, mail: null, displayName: null }, 'user-0')
}

t.test('usernames: proposed from the local part, in ASCII, the way people spell it', async (t) => {
  const table: [string, string][] = [
    ['adele.vance@contoso.example', 'adele.vance'],
    ['Adele.Vance@contoso.example', 'adele.vance'],
    ['Jürgen.Groß@contoso.example', 'juergen.gross'],
    ['łukasz.żółć@contoso.example', 'lukasz.zolc'],
    ['Ødegård@contoso.example', 'odegard'],
    ['иван.щукин@contoso.example', 'ivan.shchukin'],
    ['Γιώργος@contoso.example', 'giorgos'],
    ["o'brien@contoso.example", 'obrien'],
    ['ｆｕｌｌ@contoso.example', 'full'],
    ['4711.smith@contoso.example', 'smith'],
    ['a+b!c@contoso.example', 'a.b.c'],
    ['x..y--@contoso.example', 'x.y'],
    ['mia_partner.example#EXT#@contoso.onmicrosoft.example', 'mia_partner.example'],
    ['a-name-that-is-longer-than-thirty-two@contoso.example', 'a-name-that-is-longer-than-thirt'],
    ['日本@contoso.example', 'user-0'],
  ]
  for (const [upn, name] of table) t.equal(fromUpn(upn), name, upn)
  const hints = { userPrincipalName: '日本@x', mail: 'taro@x', displayName: 'Taro' }
  t.equal(usernameBase(hints, 'user-0'), 'taro', 'else from the mail address')
  t.equal(usernameBase({ ...hints, mail: null }, 'user-0'), 'taro', 'else from the display name')
})

t.test(
  'usernames: RFC 8265 §3.3 case and width are mapped, anything else is refused',
  async (t) => {
    t.equal(prepareUsername('ＡＤＥＬＥ.Vance'), 'adele.vance')
    for (const bad of ['', '1a', 'a b', 'a@b', 'é', 'a'.repeat(33), '-a', 'a\u0000']) {
      t.equal(prepareUsername(bad), null, JSON.stringify(bad))
    }
  },
)

t.test('names: whatever a source says, what is proposed is a valid name', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), fc.nat(10_000), (text, n) => {
      const user = usernameBase(
        { userPrincipalName: text, mail: null, displayName: text },
        'user-0',
      )
      const group = groupNameBase(text, 'group-0')
      return (
        USERNAME_PATTERN.test(user) &&
        USERNAME_PATTERN.test(numberedName(user, n + 2, USERNAME_MAX)) &&
        GROUP_NAME_PATTERN.test(group)
      )
    }),
  )
  t.equal(groupNameBase('R&D – Köln (alle)', 'group-0'), 'r-and-d-koeln-alle')
  t.equal(groupNameBase('部門', fallbackName('group', 'ABCD-12')), 'group-abcd12')
  t.equal(numberedName('a'.repeat(32), 12, 32), `${'a'.repeat(30)}12`)
})

t.test('names: taken ones are numbered, each request gets one of its own', async (t) => {
  const taken = new Set([
    'ann',
    'ann2',
    'bob',
    ...Array.from({ length: 40 }, (_, n) => `cy${n + 2}`),
    'cy',
  ])
  const asked: string[] = []
  const find = async (names: readonly string[]) => {
    asked.push(...names)
    return new Set(names.filter((name) => taken.has(name)))
  }
  const bases = ['ann', 'ann', 'bob', 'cy', 'dan'].map((base) => ({ base, maxLength: 32 }))
  t.same(await chooseNames(bases, find), ['ann3', 'ann4', 'bob2', 'cy42', 'dan'])
  t.ok(asked.length < 400)
})
