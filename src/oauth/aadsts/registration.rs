//! The app registration and the tenant that was asked: its owner mends them.

use super::Retry::AfterFix;
use super::Who::{Admin, Developer, Owner};
use super::{Row, row};

pub(super) const ROWS: &[Row] = &[
    row(
        &[50_011, 70_004],
        Owner,
        AfterFix,
        "The redirect URI is not registered.",
        "Microsoft compares it to the letter: scheme, host, port, path, case and slash.",
        &[
            "Register the redirect URIs that onedeskctl app-registration lists, under the platform Web.",
            "Check public_url: behind a proxy it must be the https address that browsers see.",
        ],
    ),
    row(
        &[500_113, 900_971],
        Owner,
        AfterFix,
        "The app registration has no redirect URI.",
        "Microsoft does not know where to send the browser.",
        &["Register the redirect URIs that onedeskctl app-registration lists, under the platform Web."],
    ),
    row(
        &[9_002_325],
        Owner,
        AfterFix,
        "The redirect URI is registered for a single-page app.",
        "Microsoft demands of it what a server does not do.",
        &["Move the redirect URIs from \"Single-page application\" to \"Web\"."],
    ),
    row(
        &[50_194],
        Owner,
        AfterFix,
        "The app is for one tenant only, but many tenants were asked.",
        "A single-tenant registration cannot be used at common or organizations.",
        &[
            "Set microsoft.tenant to the Directory (tenant) ID.",
            "Or set the registration's supported account types to any organizational directory.",
        ],
    ),
    row(
        &[90_002, 900_023],
        Owner,
        AfterFix,
        "Microsoft does not know this tenant.",
        "The tenant's id or domain is mistyped, was deleted, or lives in another cloud.",
        &["Check microsoft.tenant and microsoft.cloud, or the tenant in the record's URLs."],
    ),
    row(
        &[50_059, 50_128, 90_019],
        Developer,
        AfterFix,
        "Microsoft cannot tell which tenant is meant.",
        "Neither the address nor the account name says so.",
        &[
            "Set microsoft.tenant to the Directory (tenant) ID or a domain of the organization.",
            "If it names a tenant already, report it with the trace id.",
        ],
    ),
    row(
        &[90_038, 900_382, 900_432, 900_439],
        Owner,
        AfterFix,
        "The tenant lives in another Microsoft cloud.",
        "Each cloud has its own login host and needs its own app registration.",
        &["Set microsoft.cloud to the tenant's cloud, and register the app there."],
    ),
    row(
        &[90_027, 90_124, 90_130, 9_001_023],
        Developer,
        AfterFix,
        "This kind of account cannot be used at this endpoint.",
        "Azure AD v1 and some shared endpoints do not serve personal accounts.",
        &[
            "Use the v2 endpoints (onedeskctl sso upgrade), with organizations or the tenant's own id.",
            "If the record has them already, report it with the trace id.",
        ],
    ),
    row(
        &[700_054],
        Owner,
        AfterFix,
        "The app registration does not allow ID tokens at the authorization endpoint.",
        "A record or link asks for the hybrid flow.",
        &["Use the code flow, as this product does by itself; otherwise switch \"ID tokens\" on under Authentication."],
    ),
    row(
        &[1_002_016],
        Admin,
        AfterFix,
        "The connection to Microsoft uses an outdated version of TLS.",
        "A proxy on the way offers TLS 1.0 or 1.1 only.",
        &["Let the proxy use TLS 1.2 or newer, or let this host past it."],
    ),
];
