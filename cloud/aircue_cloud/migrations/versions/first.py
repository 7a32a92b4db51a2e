"""The first step: all tables. Written by python -m aircue_cloud.migrations.draft"""
# fmt: off
# ruff: noqa: E501, RUF100

import sqlalchemy as sa
from alembic import op

revision = "0001_adcdcb33e4f4"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('article_versions',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('language', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('document', sa.JSON(), nullable=False),
    sa.Column('author', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('language', 'name', 'number', name='article_version')
    )
    op.create_table('association_runs',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('made_at', sa.BigInteger(), nullable=False),
    sa.Column('document', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('associations',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('run', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('antecedent', sa.Text(), nullable=False),
    sa.Column('consequent', sa.JSON(), nullable=False),
    sa.Column('baskets', sa.Integer(), nullable=False),
    sa.Column('people', sa.Integer(), nullable=False),
    sa.Column('support', sa.Float(), nullable=False),
    sa.Column('confidence', sa.Float(), nullable=False),
    sa.Column('lift', sa.Float(), nullable=False),
    sa.Column('leverage', sa.Float(), nullable=False),
    sa.Column('p', sa.Float(), nullable=False),
    sa.Column('q', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('association_antecedent', 'associations', ['antecedent', 'kind'], unique=False)
    op.create_table('audience_versions',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('document', sa.Text(), nullable=False),
    sa.Column('author', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('name', 'number', name='audience_version')
    )
    op.create_table('audit',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('target', sa.Text(), nullable=False),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('detail', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('callbacks',
    sa.Column('provider', sa.Text(), nullable=False),
    sa.Column('event', sa.Text(), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('verdict', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('payment', sa.Text(), nullable=True),
    sa.Column('order', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('provider', 'event')
    )
    op.create_index('callback_order', 'callbacks', ['order'], unique=False)
    op.create_index('callback_verdict', 'callbacks', ['verdict', 'received_at'], unique=False)
    op.create_table('codes',
    sa.Column('code_hash', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('made_at', sa.BigInteger(), nullable=False),
    sa.Column('ends_at', sa.BigInteger(), nullable=False),
    sa.Column('used_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('code_hash')
    )
    op.create_table('counters',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('value', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('name')
    )
    op.create_table('delivered',
    sa.Column('node', sa.Text(), nullable=False),
    sa.Column('installation', sa.BigInteger(), nullable=False),
    sa.Column('boot', sa.BigInteger(), nullable=False),
    sa.Column('first', sa.BigInteger(), nullable=False),
    sa.Column('last', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('node', 'installation', 'boot', 'first')
    )
    op.create_table('erasures',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('asked_by', sa.Text(), nullable=False),
    sa.Column('proof', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('feed',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('fields', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('forgotten_sites',
    sa.Column('hash', sa.Text(), nullable=False),
    sa.Column('salt', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('hash')
    )
    op.create_table('gateways',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('added_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('name')
    )
    op.create_table('hourly',
    sa.Column('site', sa.Text(), nullable=False),
    sa.Column('node', sa.Text(), nullable=False),
    sa.Column('quantity', sa.Text(), nullable=False),
    sa.Column('hour', sa.Integer(), nullable=False),
    sa.Column('scale', sa.BigInteger(), nullable=False),
    sa.Column('readings', sa.BigInteger(), nullable=False),
    sa.Column('low', sa.BigInteger(), nullable=False),
    sa.Column('high', sa.BigInteger(), nullable=False),
    sa.Column('total', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('site', 'node', 'quantity', 'hour', 'scale')
    )
    op.create_table('households',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('impersonal_since', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('keys',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('owner', sa.Text(), nullable=False),
    sa.Column('key_hash', sa.Text(), nullable=False),
    sa.Column('scopes', sa.JSON(), nullable=False),
    sa.Column('added_at', sa.BigInteger(), nullable=False),
    sa.Column('ends_at', sa.BigInteger(), nullable=True),
    sa.Column('last_used_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('key_hash')
    )
    op.create_index('key_owner', 'keys', ['kind', 'owner'], unique=False)
    op.create_table('lake',
    sa.Column('one', sa.Integer(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('rows', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('one')
    )
    op.create_table('lake_files',
    sa.Column('object_key', sa.Text(), nullable=False),
    sa.Column('day', sa.Integer(), nullable=False),
    sa.Column('rows', sa.BigInteger(), nullable=False),
    sa.Column('bytes', sa.BigInteger(), nullable=False),
    sa.Column('first_id', sa.BigInteger(), nullable=False),
    sa.Column('last_id', sa.BigInteger(), nullable=False),
    sa.Column('first_measured', sa.BigInteger(), nullable=False),
    sa.Column('last_measured', sa.BigInteger(), nullable=False),
    sa.Column('merged', sa.Integer(), nullable=False),
    sa.Column('added_at', sa.BigInteger(), nullable=False),
    sa.Column('removed_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('object_key')
    )
    op.create_index('lake_file_course', 'lake_files', ['last_measured'], unique=False)
    op.create_index('lake_file_ids', 'lake_files', ['last_id'], unique=False)
    op.create_table('learnt',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('as_of', sa.BigInteger(), nullable=False),
    sa.Column('checked_at', sa.BigInteger(), nullable=False),
    sa.Column('document', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('losses',
    sa.Column('node', sa.Text(), nullable=False),
    sa.Column('installation', sa.BigInteger(), nullable=False),
    sa.Column('boot', sa.BigInteger(), nullable=False),
    sa.Column('where', sa.Text(), nullable=False),
    sa.Column('first', sa.BigInteger(), nullable=False),
    sa.Column('last', sa.BigInteger(), nullable=False),
    sa.Column('samples', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('node', 'installation', 'boot', 'where', 'first')
    )
    op.create_table('need_versions',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('document', sa.Text(), nullable=False),
    sa.Column('author', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('name', 'number', name='need_version')
    )
    op.create_table('operators',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('password_hash', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('added_at', sa.BigInteger(), nullable=False),
    sa.Column('totp_secret', sa.Text(), nullable=True),
    sa.Column('totp_on', sa.Boolean(), nullable=False),
    sa.Column('totp_step', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('name')
    )
    op.create_table('parcel_events',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('parcel', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('expected_at', sa.BigInteger(), nullable=True),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('parcel', 'key', name='parcel_event_key')
    )
    op.create_table('partners',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('contact', sa.Text(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('assumed_stock', sa.Integer(), nullable=False),
    sa.Column('added_at', sa.BigInteger(), nullable=False),
    sa.Column('feed_url', sa.Text(), nullable=True),
    sa.Column('feed_etag', sa.Text(), nullable=True),
    sa.Column('webhook_url', sa.Text(), nullable=True),
    sa.Column('webhook_secret', sa.Text(), nullable=True),
    sa.Column('told_until', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('preferences',
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('timezone', sa.Text(), nullable=True),
    sa.Column('quiet_hours', sa.Text(), nullable=True),
    sa.Column('language', sa.Text(), nullable=True),
    sa.Column('caps', sa.JSON(), nullable=False),
    sa.Column('topics', sa.JSON(), nullable=False),
    sa.Column('stopped', sa.JSON(), nullable=False),
    sa.Column('snoozed', sa.JSON(), nullable=False),
    sa.Column('changed_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('kind', 'subject')
    )
    op.create_table('products',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('category', sa.Text(), nullable=False),
    sa.Column('price_minor', sa.BigInteger(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('stock', sa.Integer(), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('attributes', sa.JSON(), nullable=False),
    sa.Column('retired_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_products_category'), 'products', ['category'], unique=False)
    op.create_table('reports',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('month', sa.Text(), nullable=False),
    sa.Column('made_at', sa.BigInteger(), nullable=False),
    sa.Column('document', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('name', 'month')
    )
    op.create_table('retention',
    sa.Column('layer', sa.Text(), nullable=False),
    sa.Column('quantity', sa.Text(), nullable=False),
    sa.Column('days', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('layer', 'quantity')
    )
    op.create_table('revisions',
    sa.Column('node', sa.Text(), nullable=False),
    sa.Column('installation', sa.BigInteger(), nullable=False),
    sa.Column('boot', sa.BigInteger(), nullable=False),
    sa.Column('sequence', sa.BigInteger(), nullable=False),
    sa.Column('quantity', sa.Text(), nullable=False),
    sa.Column('flag', sa.Text(), nullable=False),
    sa.Column('sealed_at', sa.BigInteger(), nullable=False),
    sa.Column('place', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('node', 'installation', 'boot', 'sequence', 'quantity')
    )
    op.create_index('revision_place', 'revisions', ['place'], unique=False)
    op.create_table('segment_runs',
    sa.Column('day', sa.Text(), nullable=False),
    sa.Column('made_at', sa.BigInteger(), nullable=False),
    sa.Column('people', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('day')
    )
    op.create_table('sessions',
    sa.Column('token_hash', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('started_at', sa.BigInteger(), nullable=False),
    sa.Column('seen_at', sa.BigInteger(), nullable=False),
    sa.Column('address', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('token_hash')
    )
    op.create_index('session_subject', 'sessions', ['kind', 'subject'], unique=False)
    op.create_table('switches',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('on', sa.Boolean(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('changed_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('name')
    )
    op.create_table('weather',
    sa.Column('area', sa.Text(), nullable=False),
    sa.Column('hour', sa.BigInteger(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('temperature', sa.Float(), nullable=True),
    sa.Column('humidity', sa.Float(), nullable=True),
    sa.Column('condition', sa.Text(), nullable=True),
    sa.Column('told_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('area', 'hour', 'source')
    )
    op.create_table('weather_requests',
    sa.Column('area', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('asked_at', sa.BigInteger(), nullable=False),
    sa.Column('next_at', sa.BigInteger(), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('hours', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('area', 'source')
    )
    op.create_table('windows',
    sa.Column('what', sa.Text(), nullable=False),
    sa.Column('whom', sa.Text(), nullable=False),
    sa.Column('since', sa.BigInteger(), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('what', 'whom', 'since')
    )
    op.create_table('assignments',
    sa.Column('experiment', sa.Text(), nullable=False),
    sa.Column('household', sa.Text(), nullable=False),
    sa.Column('arm', sa.Text(), nullable=False),
    sa.Column('holdout', sa.Float(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['household'], ['households.id'], ),
    sa.PrimaryKeyConstraint('experiment', 'household')
    )
    op.create_index(op.f('ix_assignments_household'), 'assignments', ['household'], unique=False)
    op.create_table('batches',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('gateway', sa.Text(), nullable=False),
    sa.Column('sha256', sa.Text(), nullable=False),
    sa.Column('sealed_at', sa.BigInteger(), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False),
    sa.Column('carried', sa.Integer(), nullable=False),
    sa.Column('readings', sa.Integer(), nullable=False),
    sa.Column('duplicates', sa.Integer(), nullable=False),
    sa.Column('deliveries', sa.Integer(), nullable=False),
    sa.Column('object_key', sa.Text(), nullable=False),
    sa.Column('layered_at', sa.BigInteger(), nullable=True),
    sa.Column('base_removed_at', sa.BigInteger(), nullable=True),
    sa.Column('held', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['gateway'], ['gateways.name'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('number')
    )
    op.create_index('batch_waiting', 'batches', ['number'], unique=False, sqlite_where=sa.text('layered_at IS NULL'), postgresql_where=sa.text('layered_at IS NULL'))
    op.create_table('bundle_exposures',
    sa.Column('household', sa.Text(), nullable=False),
    sa.Column('product', sa.Text(), nullable=False),
    sa.Column('goes_with', sa.JSON(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('shown', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['household'], ['households.id'], ),
    sa.ForeignKeyConstraint(['product'], ['products.id'], ),
    sa.PrimaryKeyConstraint('household', 'product')
    )
    op.create_table('consents',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('household', sa.Text(), nullable=False),
    sa.Column('purpose', sa.Text(), nullable=False),
    sa.Column('data_category', sa.Text(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('granted', sa.Boolean(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('receipt', sa.Text(), nullable=False),
    sa.Column('document', sa.JSON(), nullable=True),
    sa.ForeignKeyConstraint(['household'], ['households.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('receipt')
    )
    op.create_index(op.f('ix_consents_household'), 'consents', ['household'], unique=False)
    op.create_table('feeds',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('partner', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('format', sa.Text(), nullable=False),
    sa.Column('mode', sa.Text(), nullable=False),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('rows', sa.Integer(), nullable=False),
    sa.Column('wrong', sa.Integer(), nullable=False),
    sa.Column('created', sa.Integer(), nullable=False),
    sa.Column('changed', sa.Integer(), nullable=False),
    sa.Column('retired', sa.Integer(), nullable=False),
    sa.Column('problems', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['partner'], ['partners.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('feed_partner', 'feeds', ['partner', 'id'], unique=False)
    op.create_table('heard_partners',
    sa.Column('partner', sa.Text(), nullable=False),
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['partner'], ['partners.id'], ),
    sa.PrimaryKeyConstraint('partner', 'id')
    )
    op.create_table('offers',
    sa.Column('product', sa.Text(), nullable=False),
    sa.Column('partner', sa.Text(), nullable=False),
    sa.Column('offer', sa.Text(), nullable=False),
    sa.Column('gtin', sa.Text(), nullable=True),
    sa.Column('link', sa.Text(), nullable=True),
    sa.Column('image_link', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['partner'], ['partners.id'], ),
    sa.ForeignKeyConstraint(['product'], ['products.id'], ),
    sa.PrimaryKeyConstraint('product')
    )
    op.create_index(op.f('ix_offers_partner'), 'offers', ['partner'], unique=False)
    op.create_table('people',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('household', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('impersonal_since', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['household'], ['households.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_people_household'), 'people', ['household'], unique=False)
    op.create_table('recovery_codes',
    sa.Column('code_hash', sa.Text(), nullable=False),
    sa.Column('operator', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['operator'], ['operators.name'], ),
    sa.PrimaryKeyConstraint('code_hash')
    )
    op.create_index(op.f('ix_recovery_codes_operator'), 'recovery_codes', ['operator'], unique=False)
    op.create_table('refused',
    sa.Column('object_key', sa.Text(), nullable=False),
    sa.Column('gateway', sa.Text(), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('deliveries', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['gateway'], ['gateways.name'], ),
    sa.PrimaryKeyConstraint('object_key')
    )
    op.create_table('sites',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('household', sa.Text(), nullable=True),
    sa.Column('tz', sa.Text(), nullable=False),
    sa.Column('area', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['household'], ['households.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('told_partners',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('partner', sa.Text(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('made_at', sa.BigInteger(), nullable=False),
    sa.Column('due_at', sa.BigInteger(), nullable=True),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('detail', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['partner'], ['partners.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('told_due', 'told_partners', ['due_at'], unique=False)
    op.create_table('addresses',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('address', sa.JSON(), nullable=False),
    sa.Column('fingerprint', sa.Text(), nullable=False),
    sa.Column('added_at', sa.BigInteger(), nullable=False),
    sa.Column('ended_at', sa.BigInteger(), nullable=True),
    sa.Column('ended_by', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['person'], ['people.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('person', 'fingerprint', name='address_of_person')
    )
    op.create_table('cart_lines',
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('product', sa.Text(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('added_at', sa.BigInteger(), nullable=False),
    sa.Column('push', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['person'], ['people.id'], ),
    sa.ForeignKeyConstraint(['product'], ['products.id'], ),
    sa.PrimaryKeyConstraint('person', 'product')
    )
    op.create_table('conversations',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('language', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('operator', sa.Text(), nullable=True),
    sa.Column('began_at', sa.BigInteger(), nullable=False),
    sa.Column('changed_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['person'], ['people.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('conversation_state', 'conversations', ['state', 'changed_at'], unique=False)
    op.create_index(op.f('ix_conversations_person'), 'conversations', ['person'], unique=False)
    op.create_table('episodes',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('need', sa.Text(), nullable=False),
    sa.Column('site', sa.Text(), nullable=False),
    sa.Column('node', sa.Text(), nullable=False),
    sa.Column('quantity', sa.Text(), nullable=False),
    sa.Column('started_at', sa.BigInteger(), nullable=False),
    sa.Column('confirmed_at', sa.BigInteger(), nullable=False),
    sa.Column('confirmed_installation', sa.BigInteger(), nullable=False),
    sa.Column('confirmed_boot', sa.BigInteger(), nullable=False),
    sa.Column('confirmed_sequence', sa.BigInteger(), nullable=False),
    sa.Column('ended_at', sa.BigInteger(), nullable=True),
    sa.Column('peak', sa.Float(), nullable=False),
    sa.Column('open', sa.Boolean(), nullable=False),
    sa.Column('withdrawn', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['site'], ['sites.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('episode_course', 'episodes', ['need', 'site', 'node', 'started_at'], unique=False)
    op.create_table('favourites',
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('product', sa.Text(), nullable=False),
    sa.Column('added_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['person'], ['people.id'], ),
    sa.ForeignKeyConstraint(['product'], ['products.id'], ),
    sa.PrimaryKeyConstraint('person', 'product')
    )
    op.create_table('inbox_reads',
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('read_until', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['person'], ['people.id'], ),
    sa.PrimaryKeyConstraint('person')
    )
    op.create_table('interactions',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('product', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('weight', sa.Float(), nullable=False),
    sa.Column('rating', sa.Integer(), nullable=True),
    sa.Column('text', sa.Text(), nullable=True),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('pushed', sa.Boolean(), nullable=False),
    sa.Column('push', sa.Text(), nullable=True),
    sa.Column('event', sa.Text(), nullable=True),
    sa.Column('referrer', sa.Text(), nullable=True),
    sa.Column('path', sa.Text(), nullable=True),
    sa.Column('dwell_s', sa.Float(), nullable=True),
    sa.Column('quantity', sa.Integer(), nullable=True),
    sa.Column('price_minor', sa.BigInteger(), nullable=True),
    sa.Column('currency', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['person'], ['people.id'], ),
    sa.ForeignKeyConstraint(['product'], ['products.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('event')
    )
    op.create_index('interaction_person', 'interactions', ['person', 'kind'], unique=False)
    op.create_index('interaction_product', 'interactions', ['product', 'at'], unique=False)
    op.create_index('interaction_push', 'interactions', ['push'], unique=False, sqlite_where=sa.text('push IS NOT NULL'), postgresql_where=sa.text('push IS NOT NULL'))
    op.create_table('node_state',
    sa.Column('site', sa.Text(), nullable=False),
    sa.Column('node', sa.Text(), nullable=False),
    sa.Column('quantity', sa.Text(), nullable=False),
    sa.Column('value', sa.BigInteger(), nullable=False),
    sa.Column('scale', sa.BigInteger(), nullable=False),
    sa.Column('unit', sa.Text(), nullable=False),
    sa.Column('flag', sa.Text(), nullable=False),
    sa.Column('measured_at', sa.BigInteger(), nullable=False),
    sa.Column('installation', sa.BigInteger(), nullable=False),
    sa.Column('boot', sa.BigInteger(), nullable=False),
    sa.Column('sequence', sa.BigInteger(), nullable=False),
    sa.Column('ingested_at', sa.BigInteger(), nullable=False),
    sa.Column('first_seen_at', sa.BigInteger(), nullable=False),
    sa.Column('trusted_at', sa.BigInteger(), nullable=True),
    sa.Column('rules', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['site'], ['sites.id'], ),
    sa.PrimaryKeyConstraint('site', 'node', 'quantity')
    )
    op.create_table('observations',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('device', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('value', sa.Float(), nullable=True),
    sa.Column('area', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['person'], ['people.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('observation_course', 'observations', ['person', 'kind', 'at'], unique=False)
    op.create_table('orders',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('placed_at', sa.BigInteger(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('total_minor', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('token', sa.Text(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['person'], ['people.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('number'),
    sa.UniqueConstraint('person', 'token', name='order_token')
    )
    op.create_index('order_state', 'orders', ['state', 'expires_at'], unique=False)
    op.create_table('rule_states',
    sa.Column('need', sa.Text(), nullable=False),
    sa.Column('site', sa.Text(), nullable=False),
    sa.Column('node', sa.Text(), nullable=False),
    sa.Column('rule', sa.Text(), nullable=False),
    sa.Column('state', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['site'], ['sites.id'], ),
    sa.PrimaryKeyConstraint('need', 'site', 'node')
    )
    op.create_table('segment_snapshots',
    sa.Column('day', sa.Text(), nullable=False),
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('document', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['person'], ['people.id'], ),
    sa.PrimaryKeyConstraint('day', 'person')
    )
    op.create_index(op.f('ix_segment_snapshots_person'), 'segment_snapshots', ['person'], unique=False)
    op.create_table('tallies',
    sa.Column('batch', sa.Text(), nullable=False),
    sa.Column('site', sa.Text(), nullable=False),
    sa.Column('node', sa.Text(), nullable=False),
    sa.Column('quantity', sa.Text(), nullable=False),
    sa.Column('gaps', sa.Integer(), nullable=False),
    sa.Column('suppressed', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['batch'], ['batches.id'], ),
    sa.PrimaryKeyConstraint('batch', 'site', 'node', 'quantity')
    )
    op.create_table('decisions',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('episode', sa.Text(), nullable=False),
    sa.Column('household', sa.Text(), nullable=True),
    sa.Column('need', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('person', sa.Text(), nullable=True),
    sa.Column('push', sa.Text(), nullable=True),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('product', sa.Text(), nullable=True),
    sa.Column('category', sa.Text(), nullable=True),
    sa.Column('channel', sa.Text(), nullable=True),
    sa.Column('arm', sa.Text(), nullable=True),
    sa.Column('propensity', sa.Float(), nullable=True),
    sa.Column('scheduled_at', sa.BigInteger(), nullable=True),
    sa.Column('expires_at', sa.BigInteger(), nullable=True),
    sa.Column('rules_version', sa.Text(), nullable=True),
    sa.Column('model_version', sa.Text(), nullable=True),
    sa.Column('trace', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['episode'], ['episodes.id'], ),
    sa.ForeignKeyConstraint(['household'], ['households.id'], ),
    sa.ForeignKeyConstraint(['person'], ['people.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('decision_deferred', 'decisions', ['scheduled_at'], unique=False, sqlite_where=sa.text('scheduled_at IS NOT NULL'), postgresql_where=sa.text('scheduled_at IS NOT NULL'))
    op.create_index('decision_household', 'decisions', ['household', 'at'], unique=False)
    op.create_index('decision_push', 'decisions', ['push'], unique=False)
    op.create_index(op.f('ix_decisions_episode'), 'decisions', ['episode'], unique=False)
    op.create_table('messages',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('conversation', sa.Text(), nullable=False),
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('author', sa.Text(), nullable=False),
    sa.Column('operator', sa.Text(), nullable=True),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('article', sa.Text(), nullable=True),
    sa.Column('chance', sa.Float(), nullable=True),
    sa.Column('about', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('unanswered', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['conversation'], ['conversations.id'], ),
    sa.ForeignKeyConstraint(['person'], ['people.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_messages_conversation'), 'messages', ['conversation'], unique=False)
    op.create_index(op.f('ix_messages_person'), 'messages', ['person'], unique=False)
    op.create_index('message_unanswered', 'messages', ['unanswered', 'at'], unique=False)
    op.create_table('order_lines',
    sa.Column('order', sa.Text(), nullable=False),
    sa.Column('product', sa.Text(), nullable=False),
    sa.Column('place', sa.Integer(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('price_minor', sa.BigInteger(), nullable=False),
    sa.Column('push', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['order'], ['orders.id'], ),
    sa.ForeignKeyConstraint(['product'], ['products.id'], ),
    sa.PrimaryKeyConstraint('order', 'product')
    )
    op.create_table('parcels',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('order', sa.Text(), nullable=True),
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('carrier', sa.Text(), nullable=False),
    sa.Column('tracking_number', sa.Text(), nullable=False),
    sa.Column('contents', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('tracked_at', sa.BigInteger(), nullable=False),
    sa.Column('heard_at', sa.BigInteger(), nullable=False),
    sa.Column('promised_at', sa.BigInteger(), nullable=True),
    sa.Column('expected_at', sa.BigInteger(), nullable=True),
    sa.Column('delivered_at', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['order'], ['orders.id'], ),
    sa.ForeignKeyConstraint(['person'], ['people.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('carrier', 'tracking_number', name='parcel_number')
    )
    op.create_index(op.f('ix_parcels_person'), 'parcels', ['person'], unique=False)
    op.create_index('parcel_order', 'parcels', ['order'], unique=False)
    op.create_table('payments',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('order', sa.Text(), nullable=False),
    sa.Column('provider', sa.Text(), nullable=False),
    sa.Column('amount_minor', sa.BigInteger(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('provider_reference', sa.Text(), nullable=True),
    sa.Column('redirect_url', sa.Text(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('looked_at', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['order'], ['orders.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_payments_order'), 'payments', ['order'], unique=False)
    op.create_index('payment_reference', 'payments', ['provider', 'provider_reference'], unique=False)
    op.create_index('payment_state', 'payments', ['state', 'looked_at'], unique=False)
    op.create_table('pushes',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('household', sa.Text(), nullable=False),
    sa.Column('person', sa.Text(), nullable=True),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('need', sa.Text(), nullable=False),
    sa.Column('episode', sa.Text(), nullable=False),
    sa.Column('product', sa.Text(), nullable=False),
    sa.Column('category', sa.Text(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('trigger', sa.JSON(), nullable=False),
    sa.Column('language', sa.Text(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=True),
    sa.Column('withdrawn_at', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['episode'], ['episodes.id'], ),
    sa.ForeignKeyConstraint(['household'], ['households.id'], ),
    sa.ForeignKeyConstraint(['person'], ['people.id'], ),
    sa.ForeignKeyConstraint(['product'], ['products.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('household', 'need', 'episode', name='push_key')
    )
    op.create_index('push_household', 'pushes', ['household', 'created_at'], unique=False)
    op.create_table('answers',
    sa.Column('push', sa.Text(), nullable=False),
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['person'], ['people.id'], ),
    sa.ForeignKeyConstraint(['push'], ['pushes.id'], ),
    sa.PrimaryKeyConstraint('push', 'person', 'action')
    )
    op.create_table('order_events',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('order', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('amount_minor', sa.BigInteger(), nullable=False),
    sa.Column('payment', sa.Text(), nullable=True),
    sa.Column('provider', sa.Text(), nullable=True),
    sa.Column('reference', sa.Text(), nullable=True),
    sa.Column('detail', sa.Text(), nullable=True),
    sa.Column('key', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['order'], ['orders.id'], ),
    sa.ForeignKeyConstraint(['payment'], ['payments.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('key')
    )
    op.create_index(op.f('ix_order_events_order'), 'order_events', ['order'], unique=False)
    op.create_table('outbox',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('push', sa.Text(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('address', sa.Text(), nullable=True),
    sa.Column('place', sa.Integer(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('ready_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('worker', sa.Text(), nullable=True),
    sa.Column('leased_until', sa.BigInteger(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('done_at', sa.BigInteger(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['push'], ['pushes.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_outbox_push'), 'outbox', ['push'], unique=False)
    op.create_index('outbox_due', 'outbox', ['state', 'ready_at'], unique=False)
    op.create_table('attempts',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('outbox', sa.Text(), nullable=False),
    sa.Column('push', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('detail', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['outbox'], ['outbox.id'], ),
    sa.ForeignKeyConstraint(['push'], ['pushes.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_attempts_outbox'), 'attempts', ['outbox'], unique=False)
    op.create_index(op.f('ix_attempts_push'), 'attempts', ['push'], unique=False)
    # ### end Alembic commands ###
    for statement in GUARDS[op.get_bind().dialect.name]:
        op.execute(statement)


# What makes append-only tables so.
GUARDS = {
    "sqlite": (
        "CREATE TRIGGER article_versions_kept BEFORE DELETE ON article_versions BEGIN SELECT RAISE(ABORT, 'table article_versions is append-only'); END",
        'CREATE TRIGGER article_versions_unchanged BEFORE UPDATE ON article_versions WHEN NOT (NEW."id" IS OLD."id" AND NEW."language" IS OLD."language" AND NEW."name" IS OLD."name" AND NEW."number" IS OLD."number" AND NEW."document" IS OLD."document" AND NEW."author" IS OLD."author" AND NEW."at" IS OLD."at" AND NEW."note" IS OLD."note" AND NEW."active" IS OLD."active") BEGIN SELECT RAISE(ABORT, \'table article_versions is append-only\'); END',
        "CREATE TRIGGER audit_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'table audit is append-only'); END",
        'CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit WHEN NOT (NEW."id" IS OLD."id" AND NEW."at" IS OLD."at" AND (NEW."actor" IS OLD."actor" OR instr(NEW."actor", \'erased-\') > 0) AND (NEW."action" IS OLD."action" OR instr(NEW."action", \'erased-\') > 0) AND (NEW."target" IS OLD."target" OR instr(NEW."target", \'erased-\') > 0) AND (NEW."outcome" IS OLD."outcome" OR instr(NEW."outcome", \'erased-\') > 0) AND (NEW."address" IS OLD."address" OR instr(NEW."address", \'erased-\') > 0) AND (NEW."detail" IS OLD."detail" OR instr(NEW."detail", \'erased-\') > 0)) BEGIN SELECT RAISE(ABORT, \'table audit is append-only\'); END',
        "CREATE TRIGGER consents_kept BEFORE DELETE ON consents BEGIN SELECT RAISE(ABORT, 'table consents is append-only'); END",
        'CREATE TRIGGER consents_unchanged BEFORE UPDATE ON consents WHEN NOT (NEW."id" IS OLD."id" AND (NEW."household" IS OLD."household" OR instr(NEW."household", \'erased-\') > 0) AND NEW."purpose" IS OLD."purpose" AND NEW."data_category" IS OLD."data_category" AND NEW."channel" IS OLD."channel" AND NEW."granted" IS OLD."granted" AND NEW."at" IS OLD."at" AND NEW."receipt" IS OLD."receipt" AND (NEW."document" IS OLD."document" OR NEW."document" IS NULL)) BEGIN SELECT RAISE(ABORT, \'table consents is append-only\'); END',
        "CREATE TRIGGER erasures_kept BEFORE DELETE ON erasures BEGIN SELECT RAISE(ABORT, 'table erasures is append-only'); END",
        'CREATE TRIGGER erasures_unchanged BEFORE UPDATE ON erasures WHEN NOT (NEW."id" IS OLD."id" AND NEW."at" IS OLD."at" AND NEW."asked_by" IS OLD."asked_by" AND NEW."proof" IS OLD."proof") BEGIN SELECT RAISE(ABORT, \'table erasures is append-only\'); END',
        "CREATE TRIGGER need_versions_kept BEFORE DELETE ON need_versions BEGIN SELECT RAISE(ABORT, 'table need_versions is append-only'); END",
        'CREATE TRIGGER need_versions_unchanged BEFORE UPDATE ON need_versions WHEN NOT (NEW."id" IS OLD."id" AND NEW."name" IS OLD."name" AND NEW."number" IS OLD."number" AND NEW."document" IS OLD."document" AND NEW."author" IS OLD."author" AND NEW."at" IS OLD."at" AND NEW."note" IS OLD."note" AND NEW."active" IS OLD."active") BEGIN SELECT RAISE(ABORT, \'table need_versions is append-only\'); END',
        "CREATE TRIGGER order_events_kept BEFORE DELETE ON order_events BEGIN SELECT RAISE(ABORT, 'table order_events is append-only'); END",
        'CREATE TRIGGER order_events_unchanged BEFORE UPDATE ON order_events WHEN NOT (NEW."id" IS OLD."id" AND NEW."order" IS OLD."order" AND NEW."at" IS OLD."at" AND NEW."kind" IS OLD."kind" AND NEW."amount_minor" IS OLD."amount_minor" AND NEW."payment" IS OLD."payment" AND NEW."provider" IS OLD."provider" AND NEW."reference" IS OLD."reference" AND NEW."detail" IS OLD."detail" AND NEW."key" IS OLD."key") BEGIN SELECT RAISE(ABORT, \'table order_events is append-only\'); END',
        "CREATE TRIGGER parcel_events_kept BEFORE DELETE ON parcel_events BEGIN SELECT RAISE(ABORT, 'table parcel_events is append-only'); END",
        'CREATE TRIGGER parcel_events_unchanged BEFORE UPDATE ON parcel_events WHEN NOT (NEW."id" IS OLD."id" AND NEW."parcel" IS OLD."parcel" AND NEW."key" IS OLD."key" AND NEW."at" IS OLD."at" AND NEW."state" IS OLD."state" AND NEW."expected_at" IS OLD."expected_at" AND NEW."received_at" IS OLD."received_at") BEGIN SELECT RAISE(ABORT, \'table parcel_events is append-only\'); END',
    ),
    "postgresql": (
        'CREATE FUNCTION article_versions_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = \'UPDATE\' THEN IF NEW."id"::text IS NOT DISTINCT FROM OLD."id"::text AND NEW."language"::text IS NOT DISTINCT FROM OLD."language"::text AND NEW."name"::text IS NOT DISTINCT FROM OLD."name"::text AND NEW."number"::text IS NOT DISTINCT FROM OLD."number"::text AND NEW."document"::text IS NOT DISTINCT FROM OLD."document"::text AND NEW."author"::text IS NOT DISTINCT FROM OLD."author"::text AND NEW."at"::text IS NOT DISTINCT FROM OLD."at"::text AND NEW."note"::text IS NOT DISTINCT FROM OLD."note"::text AND NEW."active"::text IS NOT DISTINCT FROM OLD."active"::text THEN RETURN NEW; END IF; END IF; RAISE EXCEPTION \'table article_versions is append-only\'; END $$',
        'CREATE TRIGGER article_versions_kept BEFORE UPDATE OR DELETE ON article_versions FOR EACH ROW EXECUTE FUNCTION article_versions_guard()',
        'CREATE TRIGGER article_versions_full BEFORE TRUNCATE ON article_versions FOR EACH STATEMENT EXECUTE FUNCTION article_versions_guard()',
        'CREATE FUNCTION audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = \'UPDATE\' THEN IF NEW."id"::text IS NOT DISTINCT FROM OLD."id"::text AND NEW."at"::text IS NOT DISTINCT FROM OLD."at"::text AND (NEW."actor"::text IS NOT DISTINCT FROM OLD."actor"::text OR position(\'erased-\' in NEW."actor"::text) > 0) AND (NEW."action"::text IS NOT DISTINCT FROM OLD."action"::text OR position(\'erased-\' in NEW."action"::text) > 0) AND (NEW."target"::text IS NOT DISTINCT FROM OLD."target"::text OR position(\'erased-\' in NEW."target"::text) > 0) AND (NEW."outcome"::text IS NOT DISTINCT FROM OLD."outcome"::text OR position(\'erased-\' in NEW."outcome"::text) > 0) AND (NEW."address"::text IS NOT DISTINCT FROM OLD."address"::text OR position(\'erased-\' in NEW."address"::text) > 0) AND (NEW."detail"::text IS NOT DISTINCT FROM OLD."detail"::text OR position(\'erased-\' in NEW."detail"::text) > 0) THEN RETURN NEW; END IF; END IF; RAISE EXCEPTION \'table audit is append-only\'; END $$',
        'CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_guard()',
        'CREATE TRIGGER audit_full BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_guard()',
        'CREATE FUNCTION consents_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = \'UPDATE\' THEN IF NEW."id"::text IS NOT DISTINCT FROM OLD."id"::text AND (NEW."household"::text IS NOT DISTINCT FROM OLD."household"::text OR position(\'erased-\' in NEW."household"::text) > 0) AND NEW."purpose"::text IS NOT DISTINCT FROM OLD."purpose"::text AND NEW."data_category"::text IS NOT DISTINCT FROM OLD."data_category"::text AND NEW."channel"::text IS NOT DISTINCT FROM OLD."channel"::text AND NEW."granted"::text IS NOT DISTINCT FROM OLD."granted"::text AND NEW."at"::text IS NOT DISTINCT FROM OLD."at"::text AND NEW."receipt"::text IS NOT DISTINCT FROM OLD."receipt"::text AND (NEW."document"::text IS NOT DISTINCT FROM OLD."document"::text OR NEW."document"::text IS NULL) THEN RETURN NEW; END IF; END IF; RAISE EXCEPTION \'table consents is append-only\'; END $$',
        'CREATE TRIGGER consents_kept BEFORE UPDATE OR DELETE ON consents FOR EACH ROW EXECUTE FUNCTION consents_guard()',
        'CREATE TRIGGER consents_full BEFORE TRUNCATE ON consents FOR EACH STATEMENT EXECUTE FUNCTION consents_guard()',
        'CREATE FUNCTION erasures_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = \'UPDATE\' THEN IF NEW."id"::text IS NOT DISTINCT FROM OLD."id"::text AND NEW."at"::text IS NOT DISTINCT FROM OLD."at"::text AND NEW."asked_by"::text IS NOT DISTINCT FROM OLD."asked_by"::text AND NEW."proof"::text IS NOT DISTINCT FROM OLD."proof"::text THEN RETURN NEW; END IF; END IF; RAISE EXCEPTION \'table erasures is append-only\'; END $$',
        'CREATE TRIGGER erasures_kept BEFORE UPDATE OR DELETE ON erasures FOR EACH ROW EXECUTE FUNCTION erasures_guard()',
        'CREATE TRIGGER erasures_full BEFORE TRUNCATE ON erasures FOR EACH STATEMENT EXECUTE FUNCTION erasures_guard()',
        'CREATE FUNCTION need_versions_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = \'UPDATE\' THEN IF NEW."id"::text IS NOT DISTINCT FROM OLD."id"::text AND NEW."name"::text IS NOT DISTINCT FROM OLD."name"::text AND NEW."number"::text IS NOT DISTINCT FROM OLD."number"::text AND NEW."document"::text IS NOT DISTINCT FROM OLD."document"::text AND NEW."author"::text IS NOT DISTINCT FROM OLD."author"::text AND NEW."at"::text IS NOT DISTINCT FROM OLD."at"::text AND NEW."note"::text IS NOT DISTINCT FROM OLD."note"::text AND NEW."active"::text IS NOT DISTINCT FROM OLD."active"::text THEN RETURN NEW; END IF; END IF; RAISE EXCEPTION \'table need_versions is append-only\'; END $$',
        'CREATE TRIGGER need_versions_kept BEFORE UPDATE OR DELETE ON need_versions FOR EACH ROW EXECUTE FUNCTION need_versions_guard()',
        'CREATE TRIGGER need_versions_full BEFORE TRUNCATE ON need_versions FOR EACH STATEMENT EXECUTE FUNCTION need_versions_guard()',
        'CREATE FUNCTION order_events_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = \'UPDATE\' THEN IF NEW."id"::text IS NOT DISTINCT FROM OLD."id"::text AND NEW."order"::text IS NOT DISTINCT FROM OLD."order"::text AND NEW."at"::text IS NOT DISTINCT FROM OLD."at"::text AND NEW."kind"::text IS NOT DISTINCT FROM OLD."kind"::text AND NEW."amount_minor"::text IS NOT DISTINCT FROM OLD."amount_minor"::text AND NEW."payment"::text IS NOT DISTINCT FROM OLD."payment"::text AND NEW."provider"::text IS NOT DISTINCT FROM OLD."provider"::text AND NEW."reference"::text IS NOT DISTINCT FROM OLD."reference"::text AND NEW."detail"::text IS NOT DISTINCT FROM OLD."detail"::text AND NEW."key"::text IS NOT DISTINCT FROM OLD."key"::text THEN RETURN NEW; END IF; END IF; RAISE EXCEPTION \'table order_events is append-only\'; END $$',
        'CREATE TRIGGER order_events_kept BEFORE UPDATE OR DELETE ON order_events FOR EACH ROW EXECUTE FUNCTION order_events_guard()',
        'CREATE TRIGGER order_events_full BEFORE TRUNCATE ON order_events FOR EACH STATEMENT EXECUTE FUNCTION order_events_guard()',
        'CREATE FUNCTION parcel_events_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = \'UPDATE\' THEN IF NEW."id"::text IS NOT DISTINCT FROM OLD."id"::text AND NEW."parcel"::text IS NOT DISTINCT FROM OLD."parcel"::text AND NEW."key"::text IS NOT DISTINCT FROM OLD."key"::text AND NEW."at"::text IS NOT DISTINCT FROM OLD."at"::text AND NEW."state"::text IS NOT DISTINCT FROM OLD."state"::text AND NEW."expected_at"::text IS NOT DISTINCT FROM OLD."expected_at"::text AND NEW."received_at"::text IS NOT DISTINCT FROM OLD."received_at"::text THEN RETURN NEW; END IF; END IF; RAISE EXCEPTION \'table parcel_events is append-only\'; END $$',
        'CREATE TRIGGER parcel_events_kept BEFORE UPDATE OR DELETE ON parcel_events FOR EACH ROW EXECUTE FUNCTION parcel_events_guard()',
        'CREATE TRIGGER parcel_events_full BEFORE TRUNCATE ON parcel_events FOR EACH STATEMENT EXECUTE FUNCTION parcel_events_guard()',
    ),
}
