// The certified `oidc-provider` on Microsoft-shaped paths: an independent second opinion for the integration tests.
//
//   node server.mjs --client-id ID --redirect-uri URI [--redirect-uri URI…] [--port 0] [--tenant GUID]
//                   [--backchannel-logout-uri URI] [--account ann@example.test…] [--auth-method client_secret_post]
//
// The client's secret comes from the environment variable CLIENT_SECRET. One line of JSON says when it is ready.
// Nobody is asked for a password: `login_hint` (or the first account) signs in, following redirects with cookies.

import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

import Provider from 'oidc-provider';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    tenant: { type: 'string', default: '11111111-2222-3333-4444-555555555555' },
    'client-id': { type: 'string', default: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee' },
    'redirect-uri': { type: 'string', multiple: true, default: ['http://127.0.0.1:8380/sso/openid'] },
    'post-logout-uri': { type: 'string', multiple: true, default: ['http://127.0.0.1:8380/sso/signed-out'] },
    'backchannel-logout-uri': { type: 'string' },
    'auth-method': { type: 'string', default: 'client_secret_post' },
    account: { type: 'string', multiple: true, default: ['ann@example.test', 'support@example.test'] },
  },
});
const secret = process.env.CLIENT_SECRET ?? 'Sim~Secret.Value_One-8Q~aaaaaaaaaaaaaaaaaaaa';
const { tenant } = options;
const mount = `/${tenant}`;

const SCOPES = [
  'openid', 'profile', 'email', 'offline_access',
  'User.Read', 'User.ReadBasic.All', 'People.Read', 'Group.Read.All', 'Directory.Read.All',
  ...['IMAP.AccessAsUser.All', 'POP.AccessAsUser.All', 'SMTP.Send'].map((name) => `https://outlook.office.com/${name}`),
];

// The port is part of the issuer, so it must be known before there is a provider.
const server = createServer();
await new Promise((resolve) => server.listen(Number(options.port), '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${server.address().port}`;
const issuer = `${origin}${mount}/v2.0`;

const provider = new Provider(issuer, {
  clients: [{
    client_id: options['client-id'],
    client_secret: secret,
    redirect_uris: options['redirect-uri'],
    post_logout_redirect_uris: options['post-logout-uri'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: options['auth-method'],
    backchannel_logout_uri: options['backchannel-logout-uri'],
    backchannel_logout_session_required: Boolean(options['backchannel-logout-uri']),
  }],
  jwks: { keys: [signingKey()] },
  cookies: { keys: [randomUUID()] },
  routes: {
    authorization: '/oauth2/v2.0/authorize',
    token: '/oauth2/v2.0/token',
    end_session: '/oauth2/v2.0/logout',
    jwks: '/discovery/v2.0/keys',
    userinfo: '/openid/userinfo',
  },
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true, logoutSource: confirmAtOnce },
  },
  scopes: SCOPES,
  claims: {
    openid: ['sub', 'tid', 'oid', 'ver'],
    profile: ['name', 'preferred_username'],
    email: ['email', 'email_verified'],
  },
  // Entra puts the claims into the ID token, not behind UserInfo alone.
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  rotateRefreshToken: true,
  expiresWithSession: () => false,
  issueRefreshToken: (_, client, code) => client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
  interactions: { url: (_, interaction) => `${mount}/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: () => claims(id) }),
  loadExistingGrant: consentToAll,
  // Without the dispatcher that refuses to call an address of this machine: the logout notices of these tests go there.
  fetch: (url, { dispatcher, ...others }) => fetch(url, others),
});

provider.on('backchannel.error', (_, error) => console.error(`logout notice: ${error.message}`));

const serve = provider.callback();
server.on('request', (request, response) => {
  answer(request, response).catch((error) => response.writeHead(400).end(error.message));
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
console.log(JSON.stringify({
  issuer, tenant, client_id: options['client-id'],
  authorization_endpoint: `${origin}${mount}/oauth2/v2.0/authorize`,
  token_endpoint: `${origin}${mount}/oauth2/v2.0/token`,
  accounts: options.account,
}));

async function answer(request, response) {
  const url = new URL(request.url, origin);
  if (!url.pathname.startsWith(`${mount}/`)) {
    response.writeHead(404).end();
    return;
  }
  if (url.pathname.startsWith(`${mount}/interaction/`)) {
    await signIn(request, response);
    return;
  }
  if (await startsAfresh(url)) {
    request.headers.cookie = request.headers.cookie?.split('; ').filter((cookie) => !cookie.startsWith('_session')).join('; ');
  }
  request.originalUrl = translate(url);
  request.url = request.originalUrl.slice(mount.length);
  await serve(request, response);
}

/** A hint chooses the account: whoever signed in before in this browser does not count, up to the end of the flow. */
async function startsAfresh(url) {
  const resumed = url.pathname.match(/\/oauth2\/v2\.0\/authorize\/([\w-]+)$/)?.[1];
  if (resumed) return !(await provider.Interaction.find(resumed))?.session;
  return url.searchParams.has('login_hint') && url.searchParams.get('prompt') !== 'none';
}

/**
 * The address as the provider wants it. Discovery is below the issuer, everything else below the tenant. And
 * `offline_access` takes a consent prompt by the book, which Entra does not ask for.
 */
function translate(url) {
  const scopes = url.searchParams.get('scope')?.split(' ') ?? [];
  if (url.pathname.endsWith('/authorize') && scopes.includes('offline_access') && !url.searchParams.has('prompt')) {
    url.searchParams.set('prompt', 'consent');
  }
  return url.pathname.replace('/v2.0/.well-known/', '/.well-known/') + url.search;
}

/** Answers the login and the consent prompt at once, without asking anybody. */
async function signIn(request, response) {
  const { params, session, grantId } = await provider.interactionDetails(request, response);
  const hint = params.login_hint?.toLowerCase();
  const accountId = options.account.find((account) => account === hint) ?? session?.accountId ?? options.account[0];
  const grant = (grantId && await provider.Grant.find(grantId)) || new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const result = { login: { accountId }, consent: { grantId: await grant.save() } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

/** Whoever wants to sign out is not asked whether they mean it. */
function confirmAtOnce(ctx, form) {
  const confirmed = form.replace('</form>', '<input type="hidden" name="logout" value="yes"/></form>');
  ctx.body = `<!doctype html><title>Signing out</title>${confirmed}<script>document.forms[0].submit()</script>`;
}

/** A client that signed in before needs no new consent. */
async function consentToAll(ctx) {
  const { client, session, result, params } = ctx.oidc;
  const id = result?.consent?.grantId ?? session.grantIdFor(client.clientId);
  const known = id && await provider.Grant.find(id);
  const grant = known || new provider.Grant({ accountId: session.accountId, clientId: client.clientId });
  grant.addOIDCScope(params.scope);
  await grant.save();
  return grant;
}

function claims(upn) {
  const name = upn.split('@')[0];
  return {
    sub: pseudonym('sub', upn).slice(0, 32),
    tid: tenant,
    oid: guid(pseudonym('oid', upn)),
    ver: '2.0',
    name: name[0].toUpperCase() + name.slice(1),
    preferred_username: upn,
    email: upn,
    email_verified: true,
  };
}

function pseudonym(kind, text) {
  return createHash('sha256').update(`${kind}:${text}`).digest('hex');
}

function guid(hex) {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', kid: randomUUID() };
}
