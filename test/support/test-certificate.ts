/**
 * A certificate for `localhost` (and no other name) that no system trusts, valid for a hundred years, with its key: for
 * the TLS of test servers. It signs itself, so it is its own authority. Being public, the key protects nothing.
 */
export const TEST_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgkDpIuR0LZCbv+x1g
byyZcLtRrRXqWbDX5JMnziGow1qhRANCAASbajzuMpEMmnWx79yHXDzrOpI31iKc
Jx/g51cKguOnlmb/NrQjtQQlGsfg/DDeiVgE6TlAX2AUjRbEPyAS/WRE
-----END PRIVATE KEY-----
`;

export const TEST_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBdDCCARugAwIBAgIBATAKBggqhkjOPQQDAjAeMRwwGgYDVQQDDBNzY3VsbCB0
ZXN0IHJlZ2lzdHJ5MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAe
MRwwGgYDVQQDDBNzY3VsbCB0ZXN0IHJlZ2lzdHJ5MFkwEwYHKoZIzj0CAQYIKoZI
zj0DAQcDQgAEm2o87jKRDJp1se/ch1w86zqSN9YinCcf4OdXCoLjp5Zm/za0I7UE
JRrH4Pww3olYBOk5QF9gFI0WxD8gEv1kRKNIMEYwFAYDVR0RBA0wC4IJbG9jYWxo
b3N0MA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYEFMlL9sI+e/Y6SPq0HFW9AlQQ
CECoMAoGCCqGSM49BAMCA0cAMEQCIBIIRF/fuhj+v7Y0C9nGW0k4MA0hcdTHDRT8
jRPmVKX+AiBc6OmxNKJ/tCJBhdW6qRf13UcFaIdl6ZX9C3P2RRI89w==
-----END CERTIFICATE-----
`;
