/**
 * The attributes Gatehouse reads or writes, by their RFC names: a table, not logic.
 *
 * `text` is UTF-8, `integer` 32 bits, `octets` anything; `tagged-*` carry a tag octet (RFC 2868 §3).
 */
export type ValueType =
  | 'text'
  | 'octets'
  | 'integer'
  | 'ipv4'
  | 'ipv6'
  | 'ipv6-prefix'
  | 'time'
  | 'tagged-text'
  | 'tagged-integer'

export interface AttributeDefinition {
  readonly name: string
  readonly type: number
  readonly value: ValueType
}

function define<const Value extends ValueType>(type: number, name: string, value: Value) {
  return Object.freeze({ type, name, value })
}

export const AttributeType = {
  // RFC 2865 §5
  userName: define(1, 'User-Name', 'text'),
  userPassword: define(2, 'User-Password', 'octets'),
  chapPassword: define(3, 'CHAP-Password', 'octets'),
  nasIpAddress: define(4, 'NAS-IP-Address', 'ipv4'),
  nasPort: define(5, 'NAS-Port', 'integer'),
  serviceType: define(6, 'Service-Type', 'integer'),
  framedProtocol: define(7, 'Framed-Protocol', 'integer'),
  framedIpAddress: define(8, 'Framed-IP-Address', 'ipv4'),
  framedIpNetmask: define(9, 'Framed-IP-Netmask', 'ipv4'),
  filterId: define(11, 'Filter-Id', 'text'),
  framedMtu: define(12, 'Framed-MTU', 'integer'),
  replyMessage: define(18, 'Reply-Message', 'text'),
  state: define(24, 'State', 'octets'),
  class: define(25, 'Class', 'octets'),
  vendorSpecific: define(26, 'Vendor-Specific', 'octets'),
  sessionTimeout: define(27, 'Session-Timeout', 'integer'),
  idleTimeout: define(28, 'Idle-Timeout', 'integer'),
  terminationAction: define(29, 'Termination-Action', 'integer'),
  calledStationId: define(30, 'Called-Station-Id', 'text'),
  callingStationId: define(31, 'Calling-Station-Id', 'text'),
  nasIdentifier: define(32, 'NAS-Identifier', 'text'),
  proxyState: define(33, 'Proxy-State', 'octets'),
  chapChallenge: define(60, 'CHAP-Challenge', 'octets'),
  nasPortType: define(61, 'NAS-Port-Type', 'integer'),
  // RFC 2866 §5
  acctStatusType: define(40, 'Acct-Status-Type', 'integer'),
  acctDelayTime: define(41, 'Acct-Delay-Time', 'integer'),
  acctInputOctets: define(42, 'Acct-Input-Octets', 'integer'),
  acctOutputOctets: define(43, 'Acct-Output-Octets', 'integer'),
  acctSessionId: define(44, 'Acct-Session-Id', 'text'),
  acctAuthentic: define(45, 'Acct-Authentic', 'integer'),
  acctSessionTime: define(46, 'Acct-Session-Time', 'integer'),
  acctInputPackets: define(47, 'Acct-Input-Packets', 'integer'),
  acctOutputPackets: define(48, 'Acct-Output-Packets', 'integer'),
  acctTerminateCause: define(49, 'Acct-Terminate-Cause', 'integer'),
  acctMultiSessionId: define(50, 'Acct-Multi-Session-Id', 'text'),
  // RFC 2869 §5
  acctInputGigawords: define(52, 'Acct-Input-Gigawords', 'integer'),
  acctOutputGigawords: define(53, 'Acct-Output-Gigawords', 'integer'),
  eventTimestamp: define(55, 'Event-Timestamp', 'time'),
  connectInfo: define(77, 'Connect-Info', 'text'),
  eapMessage: define(79, 'EAP-Message', 'octets'),
  messageAuthenticator: define(80, 'Message-Authenticator', 'octets'),
  acctInterimInterval: define(85, 'Acct-Interim-Interval', 'integer'),
  nasPortId: define(87, 'NAS-Port-Id', 'text'),
  framedPool: define(88, 'Framed-Pool', 'text'),
  // RFC 2868 §3
  tunnelType: define(64, 'Tunnel-Type', 'tagged-integer'),
  tunnelPassword: define(69, 'Tunnel-Password', 'octets'),
  tunnelMediumType: define(65, 'Tunnel-Medium-Type', 'tagged-integer'),
  tunnelPrivateGroupId: define(81, 'Tunnel-Private-Group-Id', 'tagged-text'),
  // RFC 3162 §2, RFC 4372 §2, RFC 4675 §2, RFC 5176 §3
  nasIpv6Address: define(95, 'NAS-IPv6-Address', 'ipv6'),
  chargeableUserIdentity: define(89, 'Chargeable-User-Identity', 'octets'),
  egressVlanName: define(58, 'Egress-VLAN-Name', 'text'),
  errorCause: define(101, 'Error-Cause', 'integer'),
  eapKeyName: define(102, 'EAP-Key-Name', 'octets'),
  // RFC 6911 §3
  framedIpv6Address: define(168, 'Framed-IPv6-Address', 'ipv6'),
  // RFC 7268 §2
  wlanReasonCode: define(185, 'WLAN-Reason-Code', 'integer'),
} as const

/** Vendors by their Private Enterprise Number. */
export const Vendor = {
  cisco: 9,
  microsoft: 311,
  aruba: 14823,
  ruckus: 25053,
  mikrotik: 14988,
} as const

/** Attributes of vendor 311 (RFC 2548 §2). */
export const MicrosoftType = {
  chapResponse: 1,
  chapError: 2,
  mppeEncryptionPolicy: 7,
  mppeEncryptionTypes: 8,
  chapChallenge: 11,
  mppeSendKey: 16,
  mppeRecvKey: 17,
  chap2Response: 25,
  chap2Success: 26,
} as const

/** NAS-Port-Type (RFC 2865 §5.41); names as IANA lists them. */
export const NasPortType = { async: 0, virtual: 5, ethernet: 15, wireless80211: 19 } as const

/** Tunnel-Type 13 and Tunnel-Medium-Type 6 say "VLAN on IEEE 802" (RFC 3580 §3.31). */
export const Tunnel = { typeVlan: 13, mediumIeee802: 6 } as const

/** Acct-Status-Type (RFC 2866 §5.1). */
export const AcctStatusType = {
  start: 1,
  stop: 2,
  interimUpdate: 3,
  accountingOn: 7,
  accountingOff: 8,
} as const
