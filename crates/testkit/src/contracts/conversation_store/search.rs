//! Full-text search.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use application::ports::{SearchPage, SearchRequest};
use domain::{
    Conversation, ConversationId, ConversationKind, Details, Member, MessageBody, MessageId, MsgNo,
    Role, SearchQuery, UserId, Viewer,
};
use proptest::prelude::{Strategy, any, prop};
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Handle;

use crate::Fixture;
use crate::values::{delete, edit, send, username};

const LOBBY: ConversationId = ConversationId::LOBBY;

async fn send_all(
    fixture: &Fixture,
    conversation: ConversationId,
    user: UserId,
    texts: &[&str],
) -> Vec<MessageId> {
    let sends = texts.iter().enumerate().map(|(n, text)| send(conversation, user, n as u128, text));
    let answers = fixture.commit(sends.collect()).await;
    answers.into_iter().map(|answer| answer.unwrap().message().unwrap().id).collect()
}

/// A viewer of a group who sees messages after `hidden`, except those of `blocked`.
fn viewer(hidden: i64, blocked: &[UserId]) -> Viewer {
    let group = Conversation::new(LOBBY, ConversationKind::Group, Details::default());
    let first = Member::first(LOBBY, UserId::new(1), username("reader"), Role::Member);
    let member = Member { visible_after: MsgNo::new(hidden), ..first };
    let blocked: HashSet<UserId> = blocked.iter().copied().collect();
    Viewer::new(member.user, &group, Some(&member), &Arc::new(blocked)).unwrap()
}

fn search(query: &str, within: &[ConversationId]) -> SearchRequest {
    let within = within.iter().map(|id| (*id, viewer(0, &[])));
    SearchRequest {
        query: SearchQuery::parse(query).unwrap(),
        within: within.collect(),
        before: None,
    }
}

/// All pages.
async fn pages(fixture: &Fixture, mut search: SearchRequest, limit: usize) -> Vec<Vec<MessageId>> {
    let mut pages = Vec::new();
    while fixture.search_index.index_new(7).await.unwrap() > 0 {}
    // Bounded, so that a store that repeats a page fails instead of hanging.
    for _ in 0..20 {
        let SearchPage { messages, next } =
            fixture.conversations.search(search.clone(), limit).await.unwrap();
        pages.push(messages.iter().map(|message| message.id).collect());
        let Some(next) = next else { return pages };
        assert!(
            search.before.is_none_or(|before| next < before),
            "the next page starts later: {next}"
        );
        search.before = Some(next);
    }
    panic!("the search does not end");
}

async fn found(fixture: &Fixture, query: &str, within: &[ConversationId]) -> Vec<MessageId> {
    pages(fixture, search(query, within), 100).await.concat()
}

/// In any case and script. All words of the query have to match.
pub async fn every_query_word_is_a_prefix_in_the_text(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let texts = [
        "Hello, world",
        "snake_case and kebab-case",
        "Straße ÉTÉ ПРИВЕТ ΟΔΟΣ",
        "你好，世界。",
        "e\u{301}tude हिन्दी",
        "3.14 ½ x2",
    ];
    let ids = send_all(&fixture, LOBBY, ada, &texts).await;
    let cases: [(&str, &[usize]); 19] = [
        ("hello", &[0]),
        ("HEL", &[0]),
        ("wor hel", &[0]),
        ("orld", &[]),
        ("hello there", &[]),
        ("helloworld", &[]),
        ("case", &[1]),
        ("kebab-case", &[1]),
        ("straße", &[2]),
        ("strasse", &[2]),
        ("été привет οδος", &[2]),
        ("ete", &[]),
        ("οδοσ", &[2]),
        ("世", &[3]),
        ("界", &[3]),
        ("e\u{301}tu", &[4]),
        ("हिन", &[4]),
        ("½", &[5]),
        ("x", &[5]),
    ];
    for (query, want) in cases {
        let want: Vec<_> = want.iter().map(|at| ids[*at]).collect();
        assert_eq!(found(&fixture, query, &[LOBBY]).await, want, "{query}");
    }
}

/// Quotes, operators and wildcards only separate words.
pub async fn a_query_has_no_syntax(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let ids =
        send_all(&fixture, LOBBY, ada, &["near or not and", "words rowid match", "10 x"]).await;
    let cases: [(&str, &[usize]); 14] = [
        ("NEAR", &[0]),
        ("near OR match", &[]),
        ("near AND not", &[0]),
        ("\"near\"", &[0]),
        ("'near' | !x:*", &[]),
        ("ne*", &[0]),
        ("*ear", &[]),
        ("words: match", &[1]),
        ("{words}: (match)", &[1]),
        ("\\' or 1=1 --", &[]),
        ("^words + rowid", &[1]),
        ("1:words", &[]),
        ("match\0", &[1]),
        ("10", &[2]),
    ];
    for (query, want) in cases {
        let want: Vec<_> = want.iter().map(|at| ids[*at]).collect();
        assert_eq!(found(&fixture, query, &[LOBBY]).await, want, "{query}");
    }
}

/// Also across conversations, at every page size.
pub async fn results_come_newest_first_in_pages(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let group = fixture.group(&[(ada, Role::Owner)]).await;
    let mut ids = Vec::new();
    for n in 0..7 {
        let conversation = if n % 2 == 0 { LOBBY } else { group };
        ids.push(fixture.message(send(conversation, ada, n, "the same")).await.id);
        fixture.message(send(conversation, ada, 100 + n, "another")).await;
    }
    ids.reverse();

    let both = [LOBBY, group];
    let two = pages(&fixture, search("same", &both), 2).await;

    assert_eq!(two.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2, 1]);
    assert_eq!(two.concat(), ids);
    assert_eq!(pages(&fixture, search("same", &both), 7).await, [ids.clone()]);
    assert_eq!(pages(&fixture, search("same", &both), 0).await.concat(), ids);
    let first = SearchRequest { before: Some(ids[6]), ..search("same", &both) };
    assert_eq!(pages(&fixture, first, 7).await, [vec![]]);
}

/// Even if their ids have a common prefix.
pub async fn a_search_finds_only_the_given_conversations(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let mut ids = BTreeMap::new();
    for _ in 0..12 {
        let group = fixture.group(&[(ada, Role::Owner)]).await;
        ids.insert(group, send_all(&fixture, group, ada, &["a word", "2 words"]).await);
    }
    let groups: Vec<_> = ids.keys().copied().collect();

    for group in &groups {
        let own = &ids[group];
        assert_eq!(found(&fixture, "word", &[*group]).await, [own[1], own[0]]);
        assert_eq!(found(&fixture, "2", &[*group]).await, [own[1]]);
    }
    assert_eq!(found(&fixture, "word", &groups).await.len(), 24);
    assert_eq!(found(&fixture, "word", &[LOBBY]).await, []);
    assert_eq!(found(&fixture, "word", &[ConversationId::new(987_654)]).await, []);
    assert_eq!(found(&fixture, "word", &[]).await, []);
}

/// An edited message is found by its new words.
pub async fn edits_and_deletions_remove_words(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let ids = send_all(&fixture, LOBBY, ada, &["secret one", "secret two", "secret three"]).await;

    fixture.message(edit(LOBBY, ada, ids[0], Some("public one"))).await;
    fixture.message(delete(LOBBY, ada, ids[1])).await;
    fixture.message(edit(LOBBY, ada, ids[2], None)).await;

    assert_eq!(found(&fixture, "secret", &[LOBBY]).await, [ids[2]]);
    assert_eq!(found(&fixture, "public", &[LOBBY]).await, [ids[0]]);
    assert_eq!(found(&fixture, "one", &[LOBBY]).await, [ids[0]]);
    assert_eq!(found(&fixture, "two", &[LOBBY]).await, []);
}

/// However many they are: the search continues behind them.
pub async fn messages_the_viewer_may_not_see_are_skipped(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let group = fixture.group(&[(ada, Role::Owner), (bob, Role::Member)]).await;
    let old = send_all(&fixture, LOBBY, ada, &["a word"]).await;
    let sent = send_all(&fixture, group, ada, &["word", "word", "word"]).await;
    for n in 0..2 {
        let sends = (0..700).map(|m| send(group, bob, 1_000 * n + m, "word"));
        assert!(fixture.commit(sends.collect()).await.iter().all(Result::is_ok));
    }
    let mut search = search("word", &[LOBBY]);
    search.within.insert(group, viewer(2, &[bob]));

    let found = pages(&fixture, search, 100).await.concat();

    assert_eq!(found, [sent[2], old[0]]);
}

/// Like other pages.
pub async fn a_page_of_results_ends_beyond_a_mebibyte(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let large = format!("word {}", "a".repeat(600 * 1024));
    let ids = send_all(&fixture, LOBBY, ada, &["word", &large, &large, "word"]).await;

    let pages = pages(&fixture, search("word", &[LOBBY]), 100).await;

    assert_eq!(pages, [vec![ids[3], ids[2], ids[1]], vec![ids[0]]]);
}

/// One word and very many words, both at the limit of a text.
pub async fn the_largest_texts_are_stored_and_found(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let limit = MessageBody::MAX_BYTES;
    let one_word = "é".repeat(limit / 2);
    let single: String = ('\u{4e00}'..='\u{9fff}').flat_map(|c| [c, ' ']).collect();
    let many: Vec<String> = (100_000..1_400_000).map(|n| n.to_string()).collect();
    let many = many.join(" ");
    let texts = [one_word.as_str(), &single, &many[..limit], &"x".repeat(256 * 1024)];

    let mut ids = Vec::new();
    for (n, text) in texts.into_iter().enumerate() {
        ids.push(fixture.message(send(LOBBY, ada, n as u128, text)).await.id);
    }

    assert_eq!(found(&fixture, &"é".repeat(64), &[LOBBY]).await, [ids[0]]);
    assert_eq!(found(&fixture, "\u{4e00} \u{9000}", &[LOBBY]).await, [ids[1]]);
    assert_eq!(found(&fixture, "100000 107000", &[LOBBY]).await, [ids[2]]);
    assert_eq!(
        found(&fixture, "110000", &[LOBBY]).await,
        [],
        "beyond the part of a text that is searched"
    );
    assert_eq!(found(&fixture, &"x".repeat(64), &[LOBBY]).await, [ids[3]]);
    fixture.message(delete(LOBBY, ada, ids[2])).await;
    assert_eq!(found(&fixture, "100000", &[LOBBY]).await, []);
}

/// Letters of fifteen scripts, and characters that are special to a database.
fn text() -> impl Strategy<Value = String> {
    let chars: Vec<char> =
        "aAbB12_-'\"\\:*&|!()<> éÉe\u{301}ßẞΣσςİıǅПпשלمنहिन्你好カーひらกดีລາວខ្មမြန်한국。،３½①😀\u{ad}\u{200d}\u{e000}\u{378}"
            .chars()
            .collect();
    let one = proptest::prop_oneof![
        8 => prop::sample::select(chars),
        1 => any::<char>().prop_filter("texts never contain it", |c| *c != '\0'),
    ];
    prop::collection::vec(one, 1..12).prop_map(|chars| chars.into_iter().collect())
}

/// After random sends and edits, results are what [`SearchQuery::finds`] says.
pub async fn random_texts_are_found_as_the_domain_rule_says(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let config = Config {
        cases: 100,
        max_shrink_iters: 400,
        failure_persistence: None,
        ..Config::default()
    };
    let runtime = Handle::current();
    let result = tokio::task::block_in_place(|| {
        let texts = prop::collection::vec(text(), 2..12);
        let queries = prop::collection::vec(text(), 1..6);
        TestRunner::new(config).run(&(texts, queries), |(texts, queries)| {
            runtime.block_on(assert_search_agrees(&fixture, ada, &texts, &queries));
            Ok(())
        })
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

async fn assert_search_agrees(
    fixture: &Fixture,
    ada: UserId,
    texts: &[String],
    queries: &[String],
) {
    let group = fixture.group(&[(ada, Role::Owner)]).await;
    let (last, first) = texts.split_last().unwrap();
    let first: Vec<&str> = first.iter().map(String::as_str).collect();
    let ids = send_all(fixture, group, ada, &first).await;
    fixture.message(edit(group, ada, ids[0], Some(last))).await;
    let messages = fixture.everything(group).await.messages;
    let terms: Vec<String> = texts.iter().flat_map(|text| domain::search_terms(text)).collect();
    // Without the first character, a text tests matches within words.
    let ends = texts.iter().map(|text| text.chars().skip(1).collect());
    let ends: Vec<String> = ends.collect();
    for query in queries.iter().chain(&terms).chain(&ends) {
        let Ok(parsed) = SearchQuery::parse(query) else { continue };
        let finds = messages.iter().rev().filter(|message| parsed.finds(message.body.as_str()));
        let want: Vec<MessageId> = finds.map(|message| message.id).collect();
        assert_eq!(found(fixture, query, &[group]).await, want, "{query:?}");
    }
}
