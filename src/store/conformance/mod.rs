//! What every engine must prove: a list of sentences written against the traits. An engine joins with one line at the end.

mod connections;
mod flows;
mod grants;
mod log_and_leases;
pub mod samples;
mod sign_on;

/// The list. `$fresh` makes an empty store, and something that keeps it alive.
macro_rules! engine {
    ($engine:ident, $fresh:path) => {
        mod $engine {
            engine!(@area $fresh, grants {
                what_was_stored_comes_back_as_it_was,
                every_state_comes_back_as_it_was,
                an_unknown_grant_is_not_found,
                grants_are_listed_by_id,
                a_rotation_is_seen_by_the_next_reader,
                a_rotation_heals_the_state,
                a_rotation_with_an_old_version_changes_nothing,
                a_rotation_of_an_unknown_grant_is_not_found,
                a_fenced_writer_writes_nothing,
                of_twenty_rotations_of_one_version_one_wins,
                rotations_of_many_grants_at_once_all_count,
                tokens_of_two_audiences_stand_side_by_side,
                a_new_state_leaves_the_tokens_alone,
                a_state_with_an_old_version_changes_nothing,
                expiries_name_every_access_token,
                another_client_id_is_noted_once_and_cleared_on_return,
                the_note_of_another_client_id_does_not_disturb_a_refresh,
                only_what_was_left_behind_long_enough_is_erased,
                resealing_replaces_every_value_in_its_context,
                a_failed_resealing_leaves_values_readable,
                sealed_values_are_counted,
            });
            engine!(@area $fresh, connections {
                addresses_are_one_without_case,
                mailboxes_are_listed_by_address,
                a_ticket_is_used_up_once,
                a_connection_without_its_ticket_writes_nothing,
                of_ten_connections_with_one_ticket_one_is_made,
                connecting_anew_erases_the_older_grant,
                connecting_anew_keeps_the_first_date,
                using_a_ticket_up_ends_its_other_flows,
                a_removed_mailbox_takes_its_grant_along,
                an_unknown_mailbox_cannot_be_removed,
                a_refused_removal_leaves_no_line_in_the_log,
                a_connection_writes_its_line_in_the_log,
                a_directory_is_connected_and_removed,
                a_directory_connected_anew_erases_the_older_grant,
            });
            engine!(@area $fresh, flows {
                a_ticket_stays_usable_while_it_is_looked_at,
                a_ticket_ends_at_its_end,
                the_same_ticket_cannot_be_added_twice,
                a_flow_comes_back_as_it_was,
                looking_at_a_flow_does_not_use_it_up,
                of_fifty_takers_of_one_flow_one_gets_it,
                a_flow_ends_at_its_end,
                beginning_a_flow_clears_ended_ones,
                sweeping_leaves_what_still_runs,
                a_ticket_that_ends_during_sign_in_can_still_be_used_up,
            });
            engine!(@area $fresh, log_and_leases {
                a_line_comes_back_as_it_was,
                audit_pages_neither_skip_nor_repeat,
                the_last_page_says_that_it_is_the_last,
                trimming_takes_only_what_is_older,
                a_lease_is_held_by_one,
                renewing_keeps_the_fence,
                a_holder_that_starts_again_has_its_lease_at_once,
                a_new_holder_gets_a_greater_fence,
                a_released_lease_is_free_and_its_fence_worthless,
                releasing_with_an_old_fence_changes_nothing,
                leases_of_different_names_do_not_meet,
                changes_are_told_after_they_can_be_read,
                a_refused_write_tells_nothing,
            });
            engine!(@area $fresh, sign_on {
                switching_off_ends_the_sessions_of_that_kind,
                a_record_comes_back_as_it_was,
                a_record_changed_meanwhile_is_a_conflict,
                a_removed_record_takes_its_sessions_along,
                an_address_is_one_persons_over_both_kinds,
                several_people_have_no_address,
                somebody_is_found_by_account_and_by_address,
                an_account_of_entra_is_found_under_another_subject,
                somebody_is_let_in_by_what_is_stored_at_that_moment,
                a_record_with_an_account_is_linked_to_no_second_one,
                an_account_that_is_somebody_elses_admits_nobody,
                an_account_that_was_removed_meanwhile_admits_nobody,
                a_removed_person_takes_accounts_and_sessions_along,
                people_are_found_by_a_part_of_name_or_address_page_by_page,
                a_conflict_waits_once_and_is_decided_once,
                sessions_end_by_sid_issuer_and_account,
                uses_only_move_forward,
                what_ran_out_is_swept,
                a_sign_in_is_taken_once_and_the_oldest_go_first,
                a_logout_token_counts_once,
                an_admin_link_opens_one_session,
                secrets_of_sign_on_are_counted_and_sealed_again,
            });
        }
    };
    (@area $fresh:path, $area:ident { $($sentence:ident),+ $(,)? }) => {
        mod $area {
            $(
                #[tokio::test]
                async fn $sentence() {
                    let (store, _alive) = $fresh().await;
                    crate::store::conformance::$area::$sentence(store).await;
                }
            )+
        }
    };
}

engine!(sqlite, crate::store::sqlite::tests::fresh);
