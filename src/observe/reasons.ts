/** What a denial means for whoever has to mend it. */
export interface Explanation {
  /** Which step of the log-in it was. */
  readonly step: Step
  /** What to do about it. */
  readonly mend: string
}

/**
 * `way in`: the NAS and the network; `method`: how they agree to prove it; `tls`: the tunnel; `inner`:
 * what is said inside; `credential`: whether it is right; `access`: whether she may.
 */
export type Step = 'way in' | 'method' | 'tls' | 'inner' | 'credential' | 'access' | 'source'

type Table = Readonly<Record<string, Explanation>>

function all(step: Step, mends: Readonly<Record<string, string>>): Table {
  return Object.fromEntries(Object.entries(mends).map(([reason, mend]) => [reason, { step, mend }]))
}

const DEVICE_TRUST =
  'the device does not trust our certificate: give it a profile of this network (`gatehouse network profile`), or let it trust our authority'

/** By reason, or by `reason detail` where the particulars change what is to be done. */
const EXPLANATIONS: Table = {
  ...all('way in', {
    'no-network':
      'no network fits this NAS and SSID: `gatehouse network list` shows the rules, `gatehouse network create` makes one',
    'unknown-state':
      'the conversation is not known here, as after a restart or when a NAS changes servers: the device begins again by itself',
    'unknown-client':
      'no NAS has this address: `gatehouse nas create NAME ADDRESS`, if it is one of yours',
    'bad-message-authenticator':
      'the shared secret of the NAS differs from the one here: set it anew on both sides (`gatehouse nas rotate`)',
    'bad-authenticator':
      'the shared secret of the NAS differs from the one here: set it anew on both sides (`gatehouse nas rotate`)',
    'missing-message-authenticator':
      'this NAS sends no Message-Authenticator: update it, or relax its rule (`gatehouse nas set NAME --require-message-authenticator no`)',
    'proxy-state-without-message-authenticator':
      'a proxy forwards without Message-Authenticator: update it, or relax the rule of its NAS',
    malformed: 'what this NAS sends is no RADIUS: look for another program on its port',
    'unexpected-code':
      'authentication and accounting have ports of their own: 1812 and 1813 unless set otherwise',
    'network-changed':
      'the network was changed while the device logged in: it begins again by itself',
    'abandoned code':
      'the password was right, and no one-time code came: nobody typed it, or it is somebody else who knows the password',
    abandoned:
      'the device stopped answering: it lost the signal, or waits for somebody to accept our certificate',
    'abandoned after-certificate': `the device stopped answering once it saw our certificate. Most likely ${DEVICE_TRUST}`,
    'rate-limited':
      'this NAS asks for more log-ins than its limit, and goes without answer until it asks for less: look for a loop, or raise the limit (`gatehouse nas set NAME --rate`)',
    'rate-limited device':
      'this device has failed again and again, most often with an old password or because it does not trust our certificate: correct it, the answers before this one say why it failed; within ten seconds it may try again',
    'unknown-device':
      'no device has this MAC address: `gatehouse device add NAME MAC --network NETWORK`, if it is one of yours',
    'mac-mismatch':
      'the NAS names one device in User-Name and another, or none, in Calling-Station-Id: have it send the MAC address in both',
  }),
  ...all('way in', {
    'refused-at-home': 'her own realm’s server refused her: ask whoever runs it',
    'home-server-dead':
      'no server of her realm answers: `gatehouse realm list` shows them, the log says since when',
    'proxy-loop': 'the request came round again: two proxies forward this realm to each other',
    'bad-realm': 'what follows the @ can be no realm: correct the name on the device',
    'proxy-malformed':
      'a password or a key on the way can be none: compare the secrets with the NAS and the realm’s server',
  }),
  ...all('access', {
    'device-disabled':
      'the device is on the list and disabled: `gatehouse device set NAME --enable`',
    'device-expired':
      'the device was let in for a time, which is over: `gatehouse device set NAME --until DATE`',
    'device-not-on-network':
      'the device is not for this network: `gatehouse device set NAME --network NETWORK`',
    'guests-not-admitted':
      'this network lets in no guests: `gatehouse network set NETWORK --guests yes`, where it should and asks for no one-time code',
    'guest-revoked': 'the guest was removed: `gatehouse guest add`, if it was by mistake',
    'guest-not-yet': 'the guest’s time has not begun: `gatehouse guest list` shows when it does',
    'guest-expired': 'the guest’s time is over: `gatehouse guest extend NAME --for 1d`',
    'name-taken':
      'a person has the guest’s name, and it leads to her alone: `gatehouse guest add` another, and remove this one',
    'sponsor-shut-out':
      'who vouches for the guest may not sign in herself: let her in, or have somebody else add a guest',
    'owner-shut-out':
      'who owns the device may not sign in herself: let her in, or give the device another owner (`gatehouse device set NAME --owner PERSON`)',
  }),
  ...all('method', {
    'method-not-allowed mac':
      'this network lets in no device by its MAC address: `gatehouse network set NAME --method … mac`, where it should',
    'method-not-allowed':
      'this network does not allow how the device wants to prove it: change the device, or `gatehouse network set NAME --method …`',
    'no-common-method':
      'the device and this network have no EAP method in common: `gatehouse network list` shows what is allowed; a profile sets the device',
    'inner-method':
      'inside its tunnel the device uses a method this network does not allow, most often MSCHAPv2 where PAP is meant: set the inner method (phase 2) of the device, or give it a profile',
    'realm-mismatch':
      'the name inside the tunnel is of another realm than the one outside: set one of them on the device',
    'name-mismatch': 'the device gives two different names: set the identity of the device anew',
  }),
  ...all('tls', {
    'tls-alert-from-peer': DEVICE_TRUST,
    'tls-alert-from-peer unknown_ca': DEVICE_TRUST,
    'tls-alert-from-peer internal_error':
      'the device ended TLS without saying why, as most do when they expect another name in our certificate: compare the server name or domain suffix of its profile with the names `gatehouse certificate server` shows',
    'tls-alert-from-peer bad_certificate': `${DEVICE_TRUST}, and see that the server name of its profile is the one in our certificate, and that the clock of the device is not behind`,
    'tls-alert-from-peer certificate_unknown': `${DEVICE_TRUST}, and see that the server name of its profile is the one in our certificate`,
    'tls-alert-from-peer certificate_expired':
      'the device takes our certificate for expired: set the clock of the device, else renew ours (`gatehouse doctor`)',
    'tls-alert-from-peer access_denied':
      'somebody declined our certificate on the device, or nobody accepted it in time',
    'tls-alert-from-peer protocol_version':
      'the device wants a version of TLS that is not served: update the device',
    'tls-handshake': 'the device sent what is not TLS, or a version too old: update the device',
    'no-certificate': 'the device showed no certificate: issue one (`gatehouse certificate issue`)',
    'certificate-unknown-ca':
      'no authority trusted here issued the certificate: `gatehouse ca list` shows them',
    'certificate-expired': 'the certificate has expired: issue another, or set our clock',
    'certificate-not-yet-valid':
      'the certificate begins in the future: the clock here, or of the authority, is wrong',
    'certificate-revoked': 'the certificate has been revoked: issue another if she is to come in',
    'certificate-untrusted':
      'no authority trusted here issued the certificate: `gatehouse ca list` shows them',
    'certificate-unknown':
      'our own authority has signed it and it is not on record, as after restoring an old backup: issue another',
    'certificate-usage': 'the certificate is not meant for clients: issue one with clientAuth',
    'certificate-list-expired':
      'the revocation list of the authority has run out: renew it, or nobody gets in with its certificates',
    'certificate-list-missing':
      'an authority below the trusted one issued it, and whom that one revoked is not known here: add it too, `gatehouse ca add NAME FILE --crl-url URL`',
    'certificate-purpose': 'the certificate is not meant for clients: issue one with clientAuth',
    'certificate-no-crl':
      'the revocation list of the authority is missing or too old: renew it, or nobody gets in with its certificates',
    'certificate-invalid': 'the certificate cannot be used: issue another',
  }),
  ...all('inner', {
    malformed: 'the NAS sent attributes of CHAP or MS-CHAPv2 that are none: update it',
    protocol: 'the device broke a rule of the protocol: update it, or report it with the detail',
    'peer-refused':
      'the device found that we do not know its password: somebody typed an old one, or it stands before another server',
    'crypto-binding':
      'the device did not tie its tunnel to its log-in: update it, or somebody sits in between',
  }),
  ...all('credential', {
    'unknown-name': 'nobody here has this name: look for a misspelling, or a person not imported',
    'wrong-password': 'the password is wrong: most often an old one kept by a device',
    'wrong-code':
      'the one-time code is wrong: the clock of her phone, or a code of another account',
    'spent-code': 'the one-time code was used already: she waits for the next one',
    'code-missing': 'this network asks for a one-time code behind the password, and none came',
    'no-factor': 'she has no authenticator app yet: she adds one on her account page',
    'no-credential':
      'she has nothing to prove it with here: `gatehouse person set-password`, `gatehouse person network-password make` or `gatehouse certificate issue`',
    'credential-expired': 'her password has expired: she sets another',
    'credential-temporary': 'her password was set by an admin: she changes it on her account page',
    'credential-changed':
      'her password is not what it was when this session or log-in began: a whole log-in with the new one goes on',
    'credential-scope': 'this app password is good for something else',
    'backing-off': 'too many wrong tries: it goes on by itself, or `gatehouse person unlock`',
    'locked-out': 'locked after too many wrong tries: `gatehouse person unlock`',
    'too-many-names': 'one address tried too many different names',
    'certificate-unmatched': 'the certificate leads to nobody here: it names no person we know',
    'certificate-ambiguous': 'the certificate leads to more than one person',
  }),
  ...all('access', {
    staged: 'she is imported and not activated: `gatehouse person activate`',
    held: 'she is suspended: `gatehouse person show` says by whom',
    deleted: 'she has been deleted',
    'not-in-allowed-group':
      'she is in none of the groups of this network: `gatehouse network list` shows them',
    'not-in-view': 'this client does not see her',
    'outside-hours':
      'the network is closed at this time of day: `gatehouse network set NAME --hours mon-fri=08:00-18:00` sets when it is open',
    'wrong-kind': 'this kind of account does not use this',
    expired: 'the account has expired',
  }),
  ...all('source', {
    'source-mfa-required':
      'Microsoft asks for a second step, which LDAP and RADIUS cannot give: take her out of the pass-through group and set a password here',
    'source-policy':
      'a Conditional Access policy of the tenant refuses sign-ins of this kind: exempt the application, or set a password here',
    'source-locked':
      'Microsoft has locked the account, or takes our address for a malicious one: name it among the trusted locations of the tenant',
    'source-loop': 'some client signs in far too often: find it by its address',
    'source-password-expired': 'she changes her password at Microsoft, then tries again',
    'source-password-reset':
      'Microsoft takes the password for compromised: she changes it there, then tries again',
    'source-no-password':
      'the account has no password at Microsoft: set one here, outside the group',
    'source-disabled': 'the account is disabled at Microsoft',
    'source-unknown': 'Microsoft knows no such account: `gatehouse sync` tells what became of it',
    'source-not-assigned': 'assign her to the application, under Enterprise applications',
    'source-refused': 'look for the code in the sign-in log of the tenant',
    'source-foreign-token': 'the yes was about somebody else: this should never happen, report it',
    'source-unsupported':
      'guests, and passwords with a space at either end, cannot be checked there: set a password here, outside the group',
    'source-tries-spent':
      'further tries could lock the account at Microsoft: wait ten minutes, or `gatehouse person unlock NAME`',
    'source-unavailable': 'Microsoft did not answer in time',
    'not-linked': 'nobody here has this Microsoft account: import it, or approve the proposed link',
    'sign-in-spent': 'a way back from Microsoft was used already: she begins again',
    'sign-in-old':
      'Microsoft did not ask anew, so nobody knows who sat there: she signs out there, and begins again',
    'source-misconfigured': '`gatehouse source list` says what to mend',
  }),
}

/**
 * What a denial means; null for an answer without a reason, or with one that speaks for itself.
 *
 * @param why the particulars of the attempt, as its `detail.why` has them
 */
export function explain(reason: string | null, why: string | null): Explanation | null {
  if (reason === null) return null
  return EXPLANATIONS[`${reason} ${why ?? ''}`] ?? EXPLANATIONS[reason] ?? null
}
