import type { ValueType } from './dictionary.ts'

/** Number and kind of value, with the names its values have, if any. */
export type VendorRow =
  | readonly [type: number, value: ValueType]
  | readonly [type: number, value: ValueType, names: Readonly<Record<string, number>>]

export interface VendorTable {
  /** Private Enterprise Number. */
  readonly id: number
  readonly attributes: Readonly<Record<string, VendorRow>>
}

/**
 * What access points, switches and firewalls understand in an Access-Accept beside the RFCs: a table,
 * not logic. Numbers are the vendors' own, as they publish them.
 *
 * Left out is what only a NAS sends, what carries keys, and what the server itself sets.
 */
export const vendorTables: Readonly<Record<string, VendorTable>> = {
  Cisco: {
    id: 9,
    attributes: {
      'Cisco-AVPair': [1, 'text'],
      'Cisco-Policy-Up': [37, 'text'],
      'Cisco-Policy-Down': [38, 'text'],
      'Cisco-Service-Name': [51, 'text'],
      'Cisco-Sub-QoS-Pol-In': [55, 'text'],
      'Cisco-Sub-QoS-Pol-Out': [56, 'text'],
      'Cisco-In-ACL': [57, 'text'],
      'Cisco-Out-ACL': [58, 'text'],
      'Cisco-IPv6-In-ACL': [61, 'text'],
      'Cisco-IPv6-Out-ACL': [62, 'text'],
    },
  },
  HP: {
    id: 11,
    attributes: {
      'HP-Privilege-Level': [1, 'integer'],
      'HP-Command-String': [2, 'text'],
      'HP-Command-Exception': [3, 'integer', { 'Permit-List': 0, 'Deny-List': 1 }],
      'HP-Port-Client-Limit-Dot1x': [10, 'integer'],
      'HP-Port-Client-Limit-MA': [11, 'integer'],
      'HP-Port-Client-Limit-WA': [12, 'integer'],
      'HP-Port-Auth-Mode-Dot1x': [13, 'integer', { 'Port-Based': 1, 'User-Based': 2 }],
      'HP-Port-Bounce-Host': [23, 'integer'],
      'HP-Captive-Portal-URL': [24, 'text'],
      'HP-User-Role': [25, 'text'],
      'HP-Management-Protocol': [26, 'integer', { HTTP: 5, HTTPS: 6 }],
      'HP-CPPM-Role': [27, 'text'],
      'HP-CPPM-Secondary-Role': [28, 'text'],
      'HP-Bandwidth-Max-Ingress': [46, 'integer'],
      'HP-Bandwidth-Max-Egress': [48, 'integer'],
      'HP-Nas-Filter-Rule': [61, 'text'],
      'HP-Nas-Rules-IPv6': [63, 'integer'],
      'HP-Egress-VLANID': [64, 'integer'],
      'HP-Egress-VLAN-Name': [65, 'text'],
    },
  },
  Microsoft: {
    id: 311,
    attributes: {
      'MS-MPPE-Encryption-Policy': [
        7,
        'integer',
        { 'Encryption-Allowed': 1, 'Encryption-Required': 2 },
      ],
      'MS-MPPE-Encryption-Types': [
        8,
        'integer',
        { 'RC4-40bit-Allowed': 1, 'RC4-128bit-Allowed': 2, 'RC4-40or128-bit-Allowed': 6 },
      ],
      'MS-Filter': [22, 'octets'],
      'MS-Primary-DNS-Server': [28, 'ipv4'],
      'MS-Secondary-DNS-Server': [29, 'ipv4'],
      'MS-Primary-NBNS-Server': [30, 'ipv4'],
      'MS-Secondary-NBNS-Server': [31, 'ipv4'],
    },
  },
  Juniper: {
    id: 2636,
    attributes: {
      'Juniper-Local-User-Name': [1, 'text'],
      'Juniper-Allow-Commands': [2, 'text'],
      'Juniper-Deny-Commands': [3, 'text'],
      'Juniper-Allow-Configuration': [4, 'text'],
      'Juniper-Deny-Configuration': [5, 'text'],
      'Juniper-User-Permissions': [10, 'text'],
      'Juniper-Primary-Dns': [31, 'ipv4'],
      'Juniper-Primary-Wins': [32, 'ipv4'],
      'Juniper-Secondary-Dns': [33, 'ipv4'],
      'Juniper-Secondary-Wins': [34, 'ipv4'],
      'Juniper-Ip-Pool-Name': [36, 'text'],
      'Juniper-Firewall-filter-name': [44, 'text'],
      'Juniper-Policer-Parameter': [45, 'text'],
      'Juniper-Local-Group-Name': [46, 'text'],
      'Juniper-Switching-Filter': [48, 'text'],
      'Juniper-VoIP-Vlan': [49, 'text'],
      'Juniper-CWA-Redirect': [50, 'text'],
      'Juniper-AV-Pair': [52, 'text'],
    },
  },
  Fortinet: {
    id: 12356,
    attributes: {
      'Fortinet-Group-Name': [1, 'text'],
      'Fortinet-Client-IP-Address': [2, 'ipv4'],
      'Fortinet-Vdom-Name': [3, 'text'],
      'Fortinet-Interface-Name': [5, 'text'],
      'Fortinet-Access-Profile': [6, 'text'],
      'Fortinet-Webfilter-Category-Allow': [16, 'octets'],
      'Fortinet-Webfilter-Category-Block': [17, 'octets'],
      'Fortinet-Webfilter-Category-Monitor': [18, 'octets'],
      'Fortinet-AppCtrl-Category-Allow': [19, 'octets'],
      'Fortinet-AppCtrl-Category-Block': [20, 'octets'],
      'Fortinet-AppCtrl-Risk-Allow': [21, 'octets'],
      'Fortinet-AppCtrl-Risk-Block': [22, 'octets'],
    },
  },
  pfSense: {
    id: 13644,
    attributes: {
      'pfSense-Bandwidth-Max-Up': [1, 'integer'],
      'pfSense-Bandwidth-Max-Down': [2, 'integer'],
      'pfSense-Max-Total-Octets': [3, 'integer'],
    },
  },
  WISPr: {
    id: 14122,
    attributes: {
      'WISPr-Logoff-URL': [3, 'text'],
      'WISPr-Redirection-URL': [4, 'text'],
      'WISPr-Bandwidth-Min-Up': [5, 'integer'],
      'WISPr-Bandwidth-Min-Down': [6, 'integer'],
      'WISPr-Bandwidth-Max-Up': [7, 'integer'],
      'WISPr-Bandwidth-Max-Down': [8, 'integer'],
      'WISPr-Session-Terminate-Time': [9, 'text'],
      'WISPr-Session-Terminate-End-Of-Day': [10, 'text'],
      'WISPr-Billing-Class-Of-Service': [11, 'text'],
    },
  },
  Airespace: {
    id: 14179,
    attributes: {
      'Airespace-Wlan-Id': [1, 'integer'],
      'Airespace-QOS-Level': [2, 'integer', { Silver: 0, Gold: 1, Platinum: 2, Bronze: 3 }],
      'Airespace-DSCP': [3, 'integer'],
      'Airespace-8021p-Tag': [4, 'integer'],
      'Airespace-Interface-Name': [5, 'text'],
      'Airespace-ACL-Name': [6, 'text'],
      'Airespace-Data-Bandwidth-Average-Contract': [7, 'integer'],
      'Airespace-Real-Time-Bandwidth-Average-Contract': [8, 'integer'],
      'Airespace-Data-Bandwidth-Burst-Contract': [9, 'integer'],
      'Airespace-Real-Time-Bandwidth-Burst-Contract': [10, 'integer'],
      'Airespace-Guest-Role-Name': [11, 'text'],
      'Airespace-Data-Bandwidth-Average-Contract-Upstream': [13, 'integer'],
      'Airespace-Real-Time-Bandwidth-Average-Contract-Upstream': [14, 'integer'],
      'Airespace-Data-Bandwidth-Burst-Contract-Upstream': [15, 'integer'],
      'Airespace-Real-Time-Bandwidth-Burst-Contract-Upstream': [16, 'integer'],
    },
  },
  Aruba: {
    id: 14823,
    attributes: {
      'Aruba-User-Role': [1, 'text'],
      'Aruba-User-Vlan': [2, 'integer'],
      'Aruba-Priv-Admin-User': [3, 'integer'],
      'Aruba-Admin-Role': [4, 'text'],
      'Aruba-Named-User-Vlan': [9, 'text'],
      'Aruba-CPPM-Role': [23, 'text'],
      'Aruba-User-Group': [36, 'text'],
      'Aruba-Port-Bounce-Host': [40, 'integer'],
      'Aruba-Admin-Path': [42, 'text'],
      'Aruba-Captive-Portal-URL': [43, 'text'],
      'Aruba-Command-String': [46, 'text'],
      'Aruba-Admin-Device-Group': [48, 'text'],
      'Aruba-PoE-Priority': [49, 'integer', { Critical: 0, High: 1, Low: 2 }],
      'Aruba-Port-Auth-Mode': [
        50,
        'integer',
        { 'Infrastructure-Mode': 1, 'Client-Mode': 2, 'Multi-Domain-Mode': 3 },
      ],
      'Aruba-NAS-Filter-Rule': [51, 'text'],
      'Aruba-QoS-Trust-Mode': [52, 'integer', { DSCP: 0, QoS: 1, None: 2 }],
      'Aruba-UBT-Gateway-Role': [53, 'text'],
      'Aruba-Gateway-Zone': [54, 'text'],
      'Aruba-STP-Admin-Edge-Port': [58, 'integer', { Disable: 0, Enable: 1 }],
      'Aruba-UBT-Gateway-CPPM-Role': [59, 'text'],
      'Aruba-Device-Traffic-Class': [63, 'integer'],
    },
  },
  Mikrotik: {
    id: 14988,
    attributes: {
      'Mikrotik-Recv-Limit': [1, 'integer'],
      'Mikrotik-Xmit-Limit': [2, 'integer'],
      'Mikrotik-Group': [3, 'text'],
      'Mikrotik-Wireless-Forward': [4, 'integer'],
      'Mikrotik-Wireless-Skip-Dot1x': [5, 'integer'],
      'Mikrotik-Rate-Limit': [8, 'text'],
      'Mikrotik-Realm': [9, 'text'],
      'Mikrotik-Mark-Id': [11, 'text'],
      'Mikrotik-Advertise-URL': [12, 'text'],
      'Mikrotik-Advertise-Interval': [13, 'integer'],
      'Mikrotik-Recv-Limit-Gigawords': [14, 'integer'],
      'Mikrotik-Xmit-Limit-Gigawords': [15, 'integer'],
      'Mikrotik-Total-Limit': [17, 'integer'],
      'Mikrotik-Total-Limit-Gigawords': [18, 'integer'],
      'Mikrotik-Address-List': [19, 'text'],
      'Mikrotik-Wireless-Comment': [21, 'text'],
      'Mikrotik-Delegated-IPv6-Pool': [22, 'text'],
      'Mikrotik-DHCP-Option-Set': [23, 'text'],
      'Mikrotik-Wireless-VLANID': [26, 'integer'],
      'Mikrotik-Wireless-VLANID-Type': [27, 'integer', { '802.1q': 0, '802.1ad': 1 }],
      'Mikrotik-Switching-Filter': [30, 'text'],
    },
  },
  Ruckus: {
    id: 25053,
    attributes: {
      'Ruckus-User-Groups': [1, 'text'],
      'Ruckus-Grace-Period': [6, 'integer'],
      'Ruckus-VLAN-ID': [9, 'integer'],
      'Ruckus-FlexAuth-AVP': [20, 'text'],
      'Ruckus-Wispr-Redirect-Policy': [132, 'text'],
      'Ruckus-Vlan-Pool': [141, 'text'],
      'Ruckus-Traffic-Class-Attribute-Ids': [145, 'text'],
      'Ruckus-Nat-Pool-Name': [147, 'text'],
      'Ruckus-SCI-Role': [200, 'text'],
      'Ruckus-SCI-Resource-Group': [201, 'text'],
    },
  },
  PaloAlto: {
    id: 25461,
    attributes: {
      'PaloAlto-Admin-Role': [1, 'text'],
      'PaloAlto-Admin-Access-Domain': [2, 'text'],
      'PaloAlto-Panorama-Admin-Role': [3, 'text'],
      'PaloAlto-Panorama-Admin-Access-Domain': [4, 'text'],
      'PaloAlto-User-Group': [5, 'text'],
      'PaloAlto-User-Domain': [6, 'text'],
    },
  },
  // Meraki takes Filter-Id and, of Cisco and Airespace, what stands there; its own are for requests.
  Meraki: { id: 29671, attributes: {} },
  // UniFi takes the tunnel attributes; what Ubiquiti has of its own is not published.
  Ubiquiti: { id: 41112, attributes: {} },
}
