// A provider of OpenID Connect for the tests: the npm package oidc-provider with one client. Everybody signs in there
// with any password; who they are stands in a file that is read each time.
// node provider.mjs <node_modules> <accounts.json> <panel's origin> <algorithm> <how the client shows itself>
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const [modules, accounts, panel, algorithm, method] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(`${modules}/oidc-provider/lib/index.js`));

const KINDS = {
  RS256: ["rsa", { modulusLength: 2048 }],
  PS256: ["rsa", { modulusLength: 2048 }],
  ES256: ["ec", { namedCurve: "P-256" }],
  ES384: ["ec", { namedCurve: "P-384" }],
  EdDSA: ["ed25519", {}],
};
const { privateKey } = generateKeyPairSync(...KINDS[algorithm]);
const key = { ...privateKey.export({ format: "jwk" }), kid: "own", use: "sig", alg: algorithm };
// Some part of the provider signs by RS256 whatever else is wanted.
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const other = { ...rsa.export({ format: "jwk" }), kid: "other", use: "sig", alg: "RS256" };

const server = createServer();
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "argos",
      client_secret: method === "none" ? undefined : "a word between: the two/of us",
      token_endpoint_auth_method: method,
      redirect_uris: [`${panel}/api/v1/auth/oidc/callback`],
      post_logout_redirect_uris: [`${panel}/login`],
      id_token_signed_response_alg: algorithm,
    },
  ],
  claims: {
    openid: ["sub"],
    email: ["email", "email_verified"],
    profile: ["name", "preferred_username"],
    groups: ["groups"],
  },
  cookies: { keys: ["only for tests"] },
  enabledJWA: { idTokenSigningAlgValues: Object.keys(KINDS) },
  jwks: { keys: algorithm === "RS256" ? [key] : [key, other] },
  ttl: { Session: 600, Grant: 600, Interaction: 600, AccessToken: 600, IdToken: 600 },
  findAccount: (_, id) => {
    const known = JSON.parse(readFileSync(accounts, "utf8"))[id];
    return known && { accountId: id, claims: () => ({ sub: id, ...known }) };
  },
});
server.on("request", provider.callback());
console.log(issuer);
