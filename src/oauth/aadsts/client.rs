//! Our own client id and secret: the owner of the app registration acts, and every grant is still good.

use super::Retry::AfterFix;
use super::Who::{Admin, Owner};
use super::{Row, row};

pub(super) const ROWS: &[Row] = &[
    row(
        &[7_000_222],
        Owner,
        AfterFix,
        "The client secret has expired.",
        "Secrets of an app registration end after at most two years. Connected mailboxes keep their authorization and go on once a new secret is in force.",
        &[
            "Create a new client secret in the app registration and put its Value as AZUREAD_CIS into /root/.OneDesk.",
            "Nobody has to sign in again and nothing has to be restarted.",
            "Delete the old secret in the portal once status shows the new one in use.",
        ],
    ),
    row(
        &[7_000_215],
        Owner,
        AfterFix,
        "The client secret is wrong.",
        "Mostly the Secret ID was copied instead of the Value, the Value was cut short, or it belongs to another app registration.",
        &[
            "Copy the Value of the client secret, not its Secret ID, as AZUREAD_CIS into /root/.OneDesk.",
            "The portal shows a Value only once: create a new secret when it is lost.",
            "A secret that was made a minute ago may need another minute before it works.",
        ],
    ),
    row(
        &[7_000_218],
        Owner,
        AfterFix,
        "No client secret arrived at Microsoft, although the app needs one.",
        "The secret is empty, or the redirect URI is registered for a platform that works without one.",
        &[
            "Check that AZUREAD_CIS is not empty.",
            "Register the redirect URIs under the platform Web, not as a single-page or desktop app.",
        ],
    ),
    row(
        &[70_002],
        Owner,
        AfterFix,
        "Microsoft could not verify our credentials.",
        "An older, general code; where another code stands beside it, that one tells the cause.",
        &["Check AZUREAD_CID and AZUREAD_CIS against the app registration."],
    ),
    row(
        &[700_025],
        Owner,
        AfterFix,
        "The app is registered as a public client, which must not send a secret.",
        "The redirect URI stands under a mobile, desktop or single-page platform.",
        &["Move the redirect URIs to the platform Web.", "Switch \"Allow public client flows\" off."],
    ),
    row(
        &[700_027],
        Owner,
        AfterFix,
        "The certificate that signs for the app is not registered.",
        "Microsoft does not know the key of the client assertion.",
        &["Upload the certificate to the app registration, or use a client secret."],
    ),
    row(
        &[50_012, 50_013],
        Owner,
        AfterFix,
        "The proof that the app sent is invalid or outside its time.",
        "A wrong secret or certificate, or a clock that is off by minutes.",
        &["Check the clock of this host.", "Check the client secret or certificate against the app registration."],
    ),
    row(
        &[700_016],
        Owner,
        AfterFix,
        "Microsoft finds no app with this client id in the tenant.",
        "The client id is mistyped, belongs to another tenant or cloud, or nobody of this tenant has consented to the app yet.",
        &[
            "Compare AZUREAD_CID with the Application (client) ID on the app registration's overview page.",
            "Check microsoft.tenant and microsoft.cloud in the settings.",
            "Let an administrator of the tenant consent to the app.",
        ],
    ),
    row(
        &[700_011],
        Admin,
        AfterFix,
        "The app is not set up in this organization.",
        "No enterprise application stands for it in the tenant.",
        &["Let an administrator of the tenant consent to the app."],
    ),
    row(
        &[7_000_229],
        Admin,
        AfterFix,
        "The app has no service principal in this tenant.",
        "The registration exists, but nobody consented in this tenant, or the enterprise application was deleted. The secret may well be good.",
        &["Let an administrator of the tenant consent to the app, or run az ad sp create --id with the client id."],
    ),
    row(
        &[7_000_112, 70_001],
        Admin,
        AfterFix,
        "The app is disabled or unknown in this tenant.",
        "Somebody switched sign-in for the enterprise application off, or Microsoft did.",
        &["Switch on \"Enabled for users to sign in\" in the enterprise application's properties."],
    ),
    row(
        &[1_000_031],
        Admin,
        AfterFix,
        "The app cannot be reached at this time.",
        "Microsoft or an administrator holds it back.",
        &["Let an administrator look at the enterprise application in the Entra admin center."],
    ),
];
