//! The tenant's policies: an administrator decides.

use super::Retry::AfterFix;
use super::Who::Admin;
use super::{Row, row};

pub(super) const ROWS: &[Row] = &[
    row(
        &[53_000, 53_001, 53_002],
        Admin,
        AfterFix,
        "Conditional Access wants a managed device or an approved app.",
        "A server can be neither, so the policy has to make an exception for it.",
        &["Exclude this app, or the account of the mailbox, from the Conditional Access policy that asks for the device."],
    ),
    row(
        &[53_003, 530_032],
        Admin,
        AfterFix,
        "Conditional Access blocks the sign-in.",
        "A policy refuses it, often since this server's address is in no named location.",
        &[
            "Find the policy under \"Sign-in logs\" of the Entra admin center, by the correlation id.",
            "Add this server's public address to a named location, or exclude the app from the policy.",
        ],
    ),
    row(
        &[530_035],
        Admin,
        AfterFix,
        "Security defaults block the sign-in.",
        "The tenant's security defaults refuse this kind of access.",
        &["Replace security defaults by Conditional Access policies that admit this app."],
    ),
    row(
        &[53_004, 53_011],
        Admin,
        AfterFix,
        "The sign-in is blocked as risky.",
        "Identity Protection sees a risk with the account, or the person has to prove who they are first.",
        &["Look at the risky user in the Entra admin center, and dismiss or remediate the risk."],
    ),
    row(
        &[500_021, 500_022, 500_212, 500_213],
        Admin,
        AfterFix,
        "A cross-tenant policy forbids the access.",
        "Tenant restrictions or cross-tenant access settings of one of the two organizations refuse it.",
        &["Allow this tenant and app in the cross-tenant access settings, or in the proxy's tenant restrictions."],
    ),
];
