//! Our requests: what here comes up is a fault of the product, or of something that changed a request on its way.

use super::Retry::No;
use super::Who::Developer;
use super::{Row, row};

const REPORT: &str = "Report it with the trace id, the correlation id and the time.";

pub(super) const ROWS: &[Row] = &[
    row(
        &[70_011, 28_002, 28_003],
        Developer,
        No,
        "A scope of the request is not valid.",
        "The scope is empty, mistyped or unknown in this cloud.",
        &["Check the record's scopes, and microsoft.outlook and microsoft.graph in the settings.", REPORT],
    ),
    row(
        &[28_000, 700_022],
        Developer,
        No,
        "The scopes are for more than one resource.",
        "A token is for one resource: mail and Microsoft Graph take a request each.",
        &["Check the record's scopes for addresses of two services.", REPORT],
    ),
    row(&[700_023], Developer, No, "The scopes name no resource.", "At least one scope has to belong to a service.", &[REPORT]),
    row(
        &[901_002, 9_010_010],
        Developer,
        No,
        "The request names a resource as v1 does, at a v2 endpoint.",
        "The two ways of asking cannot be mixed.",
        &["Check that both URLs of the record are of the same version.", REPORT],
    ),
    row(
        &[90_009],
        Developer,
        No,
        "The app asks for a token for itself by name.",
        "Microsoft wants the app's GUID there, or the scope is missing.",
        &[REPORT],
    ),
    row(
        &[900_144, 90_014],
        Developer,
        No,
        "A parameter of the request is missing.",
        "Something on the way removed it, or we did not send it.",
        &["See whether a proxy changes the requests of this host.", REPORT],
    ),
    row(
        &[9_002_313, 90_004, 90_023, 90_100],
        Developer,
        No,
        "Microsoft finds the request malformed.",
        "Often a code or parameter that was damaged on its way through the browser.",
        &["Open the connect link again.", REPORT],
    ),
    row(
        &[900_561, 90_056],
        Developer,
        No,
        "The endpoint was asked in a way that it does not answer.",
        "Mostly the back button of the browser, or a URL that was opened by hand.",
        &["Open the connect link again instead of going back."],
    ),
    row(&[90_015], Developer, No, "The address of the request is too long.", "Too many scopes, or too long a state.", &[REPORT]),
    row(
        &[700_005],
        Developer,
        No,
        "The sign-in was made at one tenant and finished at another.",
        "The tenant in the settings or in the record changed meanwhile.",
        &["Open the connect link again: a new sign-in begins and ends at one tenant.", REPORT],
    ),
    row(
        &[50_147, 501_491],
        Developer,
        No,
        "The code challenge has the wrong size.",
        "PKCE was damaged on its way.",
        &["Open the connect link again.", REPORT],
    ),
    row(
        &[70_003, 70_007],
        Developer,
        No,
        "Microsoft does not support this kind of request.",
        "The grant type or the response mode is not known to the endpoint.",
        &["Check the record's response_mode and token URL.", REPORT],
    ),
];
