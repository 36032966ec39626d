-- A database as flock wrote it at revision 0004, with limits, prices, sums by the hour and a chain: every table with rows.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO "alembic_version" VALUES('0004');
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	at FLOAT NOT NULL, 
	actor TEXT NOT NULL, 
	action TEXT NOT NULL, 
	target TEXT NOT NULL, 
	outcome TEXT NOT NULL, 
	details TEXT NOT NULL, "before" TEXT DEFAULT '' NOT NULL, hash TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "audit" VALUES(1,1.79523103022268438336e+09,'root','token.create','alice','ok','{"scope": "user"}','{}','ab');
CREATE TABLE decisions (
	id INTEGER NOT NULL, 
	request_id TEXT NOT NULL, 
	at FLOAT NOT NULL, 
	record BLOB NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "decisions" VALUES(1,'req_0000000000000001',4000000001.0,X'7B226964223A227265715F30303030303030303030303030303031227D');
CREATE TABLE engines (
	name TEXT NOT NULL, 
	url TEXT NOT NULL, 
	created_at FLOAT NOT NULL, 
	has_key INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "engines" VALUES('vllm','http://127.0.0.1:8000',1763690003.0,1);
CREATE TABLE holds (
	request_id TEXT NOT NULL, 
	at FLOAT NOT NULL, 
	user TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	model TEXT NOT NULL, 
	endpoint TEXT NOT NULL, 
	vendor TEXT NOT NULL, 
	tokens INTEGER NOT NULL, 
	nano_usd INTEGER NOT NULL, 
	PRIMARY KEY (request_id)
);
INSERT INTO "holds" VALUES('req_0000000000000002',1795262400.0,'alice','k_1','gpt-5','chat','openai',2000,20000000);
CREATE TABLE keys (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	scope TEXT NOT NULL, 
	digest BLOB NOT NULL, 
	hint TEXT NOT NULL, 
	created_at FLOAT NOT NULL, 
	last_used_at FLOAT, 
	revoked_at FLOAT, 
	vendors TEXT DEFAULT '' NOT NULL, owner TEXT DEFAULT '' NOT NULL, note TEXT DEFAULT '' NOT NULL, expires_at FLOAT, models TEXT DEFAULT '' NOT NULL, rpm INTEGER DEFAULT '0' NOT NULL, tpm INTEGER DEFAULT '0' NOT NULL, quota INTEGER DEFAULT '0' NOT NULL, budgets TEXT DEFAULT '[]' NOT NULL, tags TEXT DEFAULT '{}' NOT NULL, share INTEGER DEFAULT '1' NOT NULL, old_digest BLOB, old_until FLOAT, 
	PRIMARY KEY (id), 
	UNIQUE (digest)
);
INSERT INTO "keys" VALUES('k_aaaaaaaaaaaa','first-admin','admin',X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F','wxyz',1763690000.0,1763690100.5,NULL,'','alice','laptop',4000000000.0,'qwen3-8b,gemma*',60,100000,2000000,'[["5", "day"], ["100", "month"]]','{"team": "web"}',2,X'01',1795262500.0);
INSERT INTO "keys" VALUES('k_bbbbbbbbbbbb','alice','user',X'202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F','abcd',1763690001.0,NULL,1763690200.0,'groq,open*','alice','laptop',4000000000.0,'qwen3-8b,gemma*',60,100000,2000000,'[["5", "day"], ["100", "month"]]','{"team": "web"}',2,X'01',1795262500.0);
CREATE TABLE marks (
	name TEXT NOT NULL, 
	value INTEGER NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "marks" VALUES('unsummed',0);
CREATE TABLE meters (
	key_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value FLOAT NOT NULL, 
	PRIMARY KEY (key_id, name)
);
INSERT INTO "meters" VALUES('k_1','rpm',1795262400.5);
CREATE TABLE models (
	id TEXT NOT NULL, 
	path TEXT NOT NULL, 
	created_at FLOAT NOT NULL, 
	source TEXT DEFAULT '' NOT NULL, 
	engine TEXT DEFAULT '' NOT NULL, 
	config TEXT DEFAULT '{}' NOT NULL, 
	facts TEXT DEFAULT '{}' NOT NULL, 
	files TEXT DEFAULT '[]' NOT NULL, 
	pinned INTEGER DEFAULT '0' NOT NULL, 
	priority INTEGER DEFAULT '0' NOT NULL, 
	loaded INTEGER DEFAULT '0' NOT NULL, 
	peak_bytes INTEGER, 
	peak_of TEXT DEFAULT '' NOT NULL, 
	last_used_at FLOAT, 
	PRIMARY KEY (id)
);
INSERT INTO "models" VALUES('qwen3-8b','/data/models/hub/qwen3-8b-q4_k_m.gguf',1763690002.0,'catalog:qwen3-8b','llamacpp','{"context": 8192, "kv_type": "q8_0"}','{"family": "qwen3", "quant": "Q4_K_M", "license": "apache-2.0", "sha256": {"/data/models/hub/qwen3-8b-q4_k_m.gguf": "abababababababababababababababababababababababababababababababab"}}','["/data/models/hub/qwen3-8b-q4_k_m.gguf"]',1,5,1,7300000000,'llamacpp 8192x2 q8_0',1795262300.5);
CREATE TABLE presets (
	name TEXT NOT NULL, 
	config TEXT NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "presets" VALUES('tools','{"context": 32768, "tool_parser": "hermes"}',1795262400.0);
CREATE TABLE prices (
	vendor TEXT NOT NULL, 
	model TEXT NOT NULL, 
	card TEXT NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (vendor, model)
);
INSERT INTO "prices" VALUES('openai','gpt-5','{"input": "1.25"}',1795262400.0);
CREATE TABLE usage (
	id INTEGER NOT NULL, 
	request_id TEXT NOT NULL, 
	at FLOAT NOT NULL, 
	user TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	model TEXT NOT NULL, 
	endpoint TEXT NOT NULL, 
	engine TEXT NOT NULL, 
	input_tokens INTEGER NOT NULL, 
	cached_tokens INTEGER NOT NULL, 
	output_tokens INTEGER NOT NULL, 
	estimated INTEGER NOT NULL, 
	latency_ms FLOAT NOT NULL, 
	ttft_ms FLOAT, 
	status INTEGER NOT NULL, 
	outcome TEXT NOT NULL, 
	stream INTEGER NOT NULL, 
	vendor TEXT DEFAULT '' NOT NULL, 
	cost_usd TEXT, written_tokens INTEGER DEFAULT '0' NOT NULL, reasoning_tokens INTEGER DEFAULT '0' NOT NULL, engine_ms FLOAT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "usage" VALUES(1,'req_0000000000000001',4000000001.0,'alice','k_1','qwen3-8b','chat.completions','llamacpp',12,3,45,0,1234.5,56.7,200,'ok',1,'groq','0.00012',5,6,1200.5);
CREATE TABLE usage_hours (
	hour INTEGER NOT NULL, 
	user TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	model TEXT NOT NULL, 
	vendor TEXT NOT NULL, 
	requests INTEGER NOT NULL, 
	errors INTEGER NOT NULL, 
	cancelled INTEGER NOT NULL, 
	input_tokens INTEGER NOT NULL, 
	cached_tokens INTEGER NOT NULL, 
	output_tokens INTEGER NOT NULL, 
	nano_usd INTEGER NOT NULL, 
	priced INTEGER NOT NULL, 
	unpriced INTEGER NOT NULL, 
	engine_ms FLOAT NOT NULL, 
	latency BLOB NOT NULL, 
	ttft BLOB NOT NULL, 
	PRIMARY KEY (hour, user, key_id, model, vendor)
);
INSERT INTO "usage_hours" VALUES(1111111,'alice','k_1','qwen3-8b','groq',1,0,0,12,3,45,120000,1,0,1200.5,X'012B01',X'01DD00');
CREATE TABLE vendors (
	name TEXT NOT NULL, 
	settings TEXT NOT NULL, 
	keys INTEGER NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "vendors" VALUES('groq','{"base": "https://api.groq.com/openai/v1"}',2,1795262400.0);
CREATE INDEX usage_by_user ON usage (user);
CREATE INDEX audit_by_actor ON audit (actor);
CREATE INDEX decisions_by_request ON decisions (request_id);
CREATE INDEX usage_by_time ON usage (at);
COMMIT;
